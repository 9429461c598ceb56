# What warnings say, in English. Each message is one or two sentences that a village cadre understands.
#
# Variables: $value, $threshold and $margin are amounts of yuan, $action is one of the action messages below, $months is
# the number of months of the window, $month the last of them. No sentence has a code: that of a household of one person is personal data, and
# the record has it. Sentences for the village never name a disease or a disability: they say "large spending".

large-spending = This household has had large spending: { $value } yuan in { $months ->
    [one] one month
   *[other] { $months } months
  }, against a limit of { $threshold } yuan. { $action }
spending-of-the-month = This household has had large spending in { $month }: { $value } yuan, against a limit of { $threshold } yuan. { $action }
uncovered-loss = This household has had a loss of { $value } yuan that relief and claims have not covered. { $action }
unsafe-house = The house of this household is not safe to live in. { $action }
low-income = This household has an income of { $value } yuan a head, { $margin } yuan below the line of { $threshold } yuan. { $action }
spending-above-means = After its large spending this household has { $value } yuan a head left, { $margin } yuan below the line of { $threshold } yuan. { $action }
spending-against-income = The large spending of this household, { $value } yuan, is { $margin } yuan above what its income can bear ({ $threshold } yuan). { $action }
spending-to-come = Large spending may come upon this household. { $action }
left-school = A child of this household may have left school. { $action }
misfortune = A misfortune has come upon this household. { $action }
unsafe-water = The drinking water of this household is not safe. { $action }
not-insured = A member of this household has not been insured for some time. { $action }
fallen-wages = The wages of this household have fallen to { $value } yuan in { $months ->
    [one] one month
   *[other] { $months } months
  }. { $action }
lost-wage = Somebody in this household who earned has no wage any longer. { $action }
can-earn-less = A member of this household may need support to live and to work. { $action }
lost-production = This household has lost a large part of what it produces. { $action }
one-member-more = There is one member more in this household, who must live on what it has. { $action }
one-member-less = There is one member less in this household, who may have earned for it. { $action }
reported = The situation of this household was reported or applied for. { $action }

no-longer-met = What was said about this household holds no longer. Nothing more is asked for because of it.
withdrawn = What was said about this household rested on data that were corrected or belong to another household. Please disregard it.
member-gone = What was said about this household concerned a member who has left it or died. Nothing more is asked for because of it.

overdue = A step of this household's case is overdue. { $action }
case-dismissed = The case of this household was examined and dismissed. Nothing more is asked for because of this.
case-cleared = The case of this household is closed: its situation has become stable.
village-matter = Many households of this village are in the same need. { $action }
odd-history = The course of this household's case is unusual. { $action }

note-second-home = A second home is registered.
note-business = A shop is registered.
note-vehicle = A vehicle of high price is registered.
note-public-post = A member holds a public post.

department-request = Your records of this household show { $value } yuan. { $action }
department-event = This household needs your attention. { $action }

action-verify-at-the-door = Please verify at the door.
action-move-to-safety = Please see first that the family is safe, then verify.
action-check-reimbursement = Please check what can still be reimbursed.
action-examine-aid = Please examine whether aid can be given.
action-examine-allowance = Please examine whether an allowance can be given.
action-examine-relief = Please examine whether relief can be given.
action-examine-support = Please examine which support fits.
action-make-the-house-safe = Please examine the house and arrange its repair.
action-arrange-verification = Please arrange the verification.
action-help-first = Please help first; the verification may follow.
action-look-after = Please look after the household.
action-examine-student-aid = Please examine whether student aid can be given.
action-bring-back-to-school = Please see that the child comes back to school.
action-make-the-water-safe = Please examine the water and make it safe.
action-enrol = Please see that the member is insured.
action-offer-work = Please examine which work or public post can be offered.
action-help-to-produce = Please examine which help with production fits.
action-decide = Please decide on what was verified.
action-first-measure = Please begin the first measure.
action-follow-up = Please visit the household again.
action-look-into-the-case = Please look into the case.
action-examine-the-village = Please examine the situation of the village as a whole.
action-none = Nothing is asked for; this is for your information.
