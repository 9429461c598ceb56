# 预警所用的中文句子。每条信息为一两句话，村干部一看就懂。
#
# 变量：$value、$threshold、$margin 为金额（元）；$action 为下面的一条措施；$months 为统计的月数，$month 为其中最后一个月。
# 句子中不写户编码：一人户的编码属于个人信息，预警记录中已有。给村里的句子不写疾病和残疾，只写“大额支出”。

large-spending = 该户近{ $months }个月有大额支出 { $value } 元，警戒线为 { $threshold } 元。{ $action }
spending-of-the-month = 该户{ $month }有大额支出 { $value } 元，警戒线为 { $threshold } 元。{ $action }
uncovered-loss = 该户有 { $value } 元损失未获救助或理赔。{ $action }
unsafe-house = 该户的住房不安全。{ $action }
low-income = 该户人均纯收入 { $value } 元，比监测线 { $threshold } 元低 { $margin } 元。{ $action }
spending-above-means = 该户扣除大额支出后人均剩余 { $value } 元，比监测线 { $threshold } 元低 { $margin } 元。{ $action }
spending-against-income = 该户大额支出 { $value } 元，比其收入可承受的 { $threshold } 元多 { $margin } 元。{ $action }
spending-to-come = 该户近期可能发生大额支出，请予关注。{ $action }
left-school = 该户有学生疑似辍学。{ $action }
misfortune = 该户发生意外变故。{ $action }
unsafe-water = 该户的饮水不安全。{ $action }
not-insured = 该户有成员一段时间未参保。{ $action }
fallen-wages = 该户近{ $months }个月的工资降至 { $value } 元。{ $action }
lost-wage = 该户原有工资收入的成员已无工资。{ $action }
can-earn-less = 该户有成员在生活和劳动上可能需要帮扶。{ $action }
lost-production = 该户的生产遭受较大损失。{ $action }
one-member-more = 该户增加了成员，收入需要供养更多的人。{ $action }
one-member-less = 该户减少了成员，可能少了一份收入。{ $action }
reported = 该户的情况已由网格员上报或自主申报。{ $action }

no-longer-met = 该户的原预警条件已不再符合，无需再为此采取行动。
withdrawn = 该户的原预警所依据的数据已更正或已转到其他户，请不再处理。
member-gone = 该户的原预警所涉及的成员已离开或去世，无需再为此采取行动。

overdue = 该户的办理环节已超期。{ $action }
case-dismissed = 该户的情况经核实不予纳入，无需再为此采取行动。
case-cleared = 该户情况已稳定，本次办理结束。
village-matter = 该村多户出现同类困难。{ $action }
odd-history = 该户的办理过程有异常。{ $action }

note-second-home = 登记有第二套住房。
note-business = 登记有商铺。
note-vehicle = 登记有较高价值的车辆。
note-public-post = 有成员在公职岗位。

department-request = 贵部门对该户的记录金额为 { $value } 元。{ $action }
department-event = 该户需要贵部门关注。{ $action }

action-verify-at-the-door = 请入户核实。
action-move-to-safety = 请先确保住户安全，再入户核实。
action-check-reimbursement = 请核查可报销费用。
action-examine-aid = 请研究是否给予救助。
action-examine-allowance = 请研究是否纳入低保等保障。
action-examine-relief = 请研究是否给予灾害救助。
action-examine-support = 请研究适用的帮扶措施。
action-make-the-house-safe = 请鉴定房屋并安排修缮。
action-arrange-verification = 请安排入户核实。
action-help-first = 请先行救助，随后核实。
action-look-after = 请关注并照料该户。
action-examine-student-aid = 请研究是否给予资助。
action-bring-back-to-school = 请劝返学生入学。
action-make-the-water-safe = 请检测水源并保障饮水安全。
action-enrol = 请协助其参保。
action-offer-work = 请研究可提供的就业或公益岗位。
action-help-to-produce = 请研究适用的生产帮扶。
action-decide = 请对核实结果作出认定。
action-first-measure = 请落实首项帮扶措施。
action-follow-up = 请再次入户走访。
action-look-into-the-case = 请核查该户的办理过程。
action-examine-the-village = 请对该村情况统一研判处置。
action-none = 仅供知悉，无需行动。
