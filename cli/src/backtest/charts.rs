//! Where bars, lines and words of a chart stand, in the units of its picture. How they look is the template's business.
//! Pure.

use serde::Serialize;

/// Width of every chart.
const WIDTH: f64 = 760.0;
/// Room at the left for names.
const LEFT: f64 = 128.0;
/// Room at the left for the numbers of a scale.
const SCALE_LEFT: f64 = 62.0;
/// Room at the right, for a number beside the longest bar.
const RIGHT: f64 = 64.0;
/// Width of what a chart with upright bars or lines draws.
const PLOT_WIDTH: f64 = 660.0;
/// Room above.
const TOP: f64 = 14.0;
/// Height of what a chart with upright bars or lines draws.
const PLOT: f64 = 220.0;
/// Room below, for the names of the places.
const BOTTOM: f64 = 44.0;
/// Steps of the scale at most.
const STEPS_MAX: usize = 6;
/// Width of a letter, as good as it is known, and room between two names.
const LETTER: f64 = 6.2;
const BETWEEN: f64 = 14.0;
/// Places up to which each bar has its number.
const NUMBERED_MAX: usize = 14;

/// A chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: String,
    /// The same for whoever hears it: a sentence; the numbers stand in the table below.
    pub(super) description: String,
    width: f64,
    height: f64,
    legend: Vec<Entry>,
    marks: Vec<Mark>,
}

/// An entry of the legend.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Entry {
    style: &'static str,
    text: String,
}

/// Something that is drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Mark {
    Bar { x: f64, y: f64, width: f64, height: f64, style: &'static str, title: String },
    Line { points: String, style: &'static str },
    Dot { x: f64, y: f64, style: &'static str, title: String },
    Rule { x1: f64, y1: f64, x2: f64, y2: f64 },
    Text { x: f64, y: f64, anchor: &'static str, style: &'static str, text: String },
}

/// A row of [`changes`]: what each side has, and which part the other has not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// Its name.
    pub(super) name: String,
    /// A's and B's numbers; none where they are hidden.
    pub(super) totals: Option<(usize, usize)>,
    /// Gone and added; none where they are hidden.
    pub(super) parts: Option<(usize, usize)>,
}

/// Two bars a row, A above B, each with the part that the other has not.
pub(super) fn changes(title: &str, description: String, sides: [&str; 2], rows: &[Change]) -> Chart {
    const ROW: f64 = 42.0;
    const BAR: f64 = 13.0;
    let bottom = TOP + ROW * rows.len() as f64;
    let largest = rows.iter().filter_map(|row| row.totals).map(|(a, b)| a.max(b)).max().unwrap_or(0);
    let scale = Scale::new(largest as f64);
    let at = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * value / scale.end;
    let mut marks = Vec::new();
    for step in scale.steps() {
        marks.push(Mark::Rule { x1: at(step), y1: TOP, x2: at(step), y2: bottom });
        marks.push(text(at(step), bottom + 16.0, "middle", "scale", number(step as usize)));
    }
    for (place, row) in rows.iter().enumerate() {
        let y = TOP + ROW * place as f64 + 6.0;
        marks.push(text(LEFT - 10.0, y + BAR + 5.0, "end", "name", row.name.clone()));
        let Some((a, b)) = row.totals else {
            marks.push(text(LEFT + 6.0, y + BAR + 5.0, "start", "scale", "hidden".to_owned()));
            continue;
        };
        let (gone, added) = row.parts.unwrap_or_default();
        let bars = [(sides[0], a, gone, "a", "gone", "gone"), (sides[1], b, added, "b", "added", "added")];
        for (line, (side, total, part, style, part_style, what)) in bars.into_iter().enumerate() {
            let y = y + (BAR + 2.0) * line as f64;
            let kept = (total - part.min(total)) as f64;
            let bar = |from: f64, to: f64, style, title| Mark::Bar {
                x: round(at(from)),
                y,
                width: round(at(to) - at(from)),
                height: BAR,
                style,
                title,
            };
            marks.push(bar(0.0, kept, style, format!("{}, {side}: {}", row.name, number(total))));
            if part > 0 {
                let title = format!("{}, {what}: {}", row.name, number(part));
                marks.push(bar(kept, total as f64, part_style, title));
            }
            marks.push(text(at(total as f64) + 5.0, y + BAR - 2.0, "start", "value", number(total)));
        }
    }
    let legend = [("a", sides[0].to_owned()), ("gone", "gone in B".to_owned())]
        .into_iter()
        .chain([("b", sides[1].to_owned()), ("added", "added in B".to_owned())]);
    chart(title, description, bottom + 26.0, legend, marks)
}

/// Two lines over time; a place without a number interrupts its line.
pub(super) fn lines(
    title: &str,
    description: String,
    sides: [&str; 2],
    names: &[String],
    values: [&[Option<usize>]; 2],
) -> Chart {
    let scale = Scale::new(largest(values.into_iter().flatten().flatten().map(|value| *value as f64)));
    let mut marks = frame(&scale, "");
    let step = (PLOT_WIDTH) / names.len().saturating_sub(1).max(1) as f64;
    let at = |place: usize, value: f64| (round(SCALE_LEFT + step * place as f64), round(height(&scale, value)));
    marks.extend(names_below(names, |place| SCALE_LEFT + step * place as f64));
    for ((values, side), style) in values.into_iter().zip(sides).zip(["a", "b"]) {
        for run in runs(values) {
            let points: Vec<String> =
                run.iter().map(|(place, value)| at(*place, *value)).map(|(x, y)| format!("{x},{y}")).collect();
            marks.push(Mark::Line { points: points.join(" "), style });
            marks.extend(run.iter().map(|(place, value)| {
                let (x, y) = at(*place, *value);
                Mark::Dot { x, y, style, title: format!("{}, {side}: {}", names[*place], number(*value as usize)) }
            }));
        }
    }
    chart(title, description, TOP + PLOT + BOTTOM, two(sides), marks)
}

/// Two upright bars at each place, A beside B.
pub(super) fn columns(
    title: &str,
    description: String,
    sides: [&str; 2],
    unit: &str,
    places: &[(String, [Option<f64>; 2])],
) -> Chart {
    let all = places.iter().flat_map(|(_, values)| values).flatten().copied();
    let scale = Scale::new(if unit == "%" { 100.0 } else { largest(all) });
    let mut marks = frame(&scale, unit);
    let step = (PLOT_WIDTH) / places.len().max(1) as f64;
    let bar = (step * 0.34).min(54.0);
    let middle = |place: usize| SCALE_LEFT + step * (place as f64 + 0.5);
    let names: Vec<String> = places.iter().map(|(name, _)| name.clone()).collect();
    marks.extend(names_below(&names, middle));
    for (place, (name, values)) in places.iter().enumerate() {
        let sides = values.iter().zip(sides).zip(["a", "b"]).enumerate();
        for (side, ((value, label), style)) in sides {
            let Some(value) = value else { continue };
            let (x, y) = (middle(place) + (side as f64 - 1.0) * bar, height(&scale, *value));
            let shown = if unit.is_empty() { number(*value as usize) } else { format!("{value:.1} {unit}") };
            let title = format!("{name}, {label}: {shown}");
            let (x, y) = (round(x), round(y));
            marks.push(Mark::Bar { x, y, width: round(bar - 2.0), height: round(TOP + PLOT - y), style, title });
            if places.len() <= NUMBERED_MAX {
                let shown = if unit.is_empty() { shown } else { format!("{value:.0}") };
                marks.push(text(x + bar / 2.0 - 1.0, y - 4.0, "middle", "value", shown));
            }
        }
    }
    chart(title, description, TOP + PLOT + BOTTOM, two(sides), marks)
}

fn two(sides: [&str; 2]) -> impl Iterator<Item = (&'static str, String)> {
    ["a", "b"].into_iter().zip(sides.map(str::to_owned))
}

fn chart(
    title: &str,
    description: String,
    height: f64,
    legend: impl IntoIterator<Item = (&'static str, String)>,
    marks: Vec<Mark>,
) -> Chart {
    let legend = legend.into_iter().map(|(style, text)| Entry { style, text }).collect();
    Chart { title: title.to_owned(), description, width: WIDTH, height: round(height), legend, marks }
}

/// The steps of the scale at the left, each with its line.
fn frame(scale: &Scale, unit: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    for step in scale.steps() {
        let y = round(height(scale, step));
        marks.push(Mark::Rule { x1: SCALE_LEFT - 6.0, y1: y, x2: SCALE_LEFT + PLOT_WIDTH, y2: y });
        let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
        marks.push(text(SCALE_LEFT - 12.0, y + 4.0, "end", "scale", format!("{}{unit}", number(step as usize))));
    }
    marks
}

fn height(scale: &Scale, value: f64) -> f64 {
    TOP + PLOT * (1.0 - value / scale.end)
}

/// The names of the places; of many only some, the first one among them.
fn names_below(names: &[String], x: impl Fn(usize) -> f64) -> Vec<Mark> {
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let room = (PLOT_WIDTH / (longest as f64 * LETTER + BETWEEN)).floor().max(1.0) as usize;
    let every = names.len().div_ceil(room).max(1);
    let some = names.iter().enumerate().step_by(every);
    some.map(|(place, name)| text(x(place), TOP + PLOT + 18.0, "middle", "scale", name.clone())).collect()
}

/// The stretches of a line without a gap: places and values.
fn runs(values: &[Option<usize>]) -> Vec<Vec<(usize, f64)>> {
    let mut runs: Vec<Vec<(usize, f64)>> = vec![Vec::new()];
    for (place, value) in values.iter().enumerate() {
        match (value, runs.last_mut()) {
            (Some(value), Some(run)) => run.push((place, *value as f64)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn text(x: f64, y: f64, anchor: &'static str, style: &'static str, text: String) -> Mark {
    Mark::Text { x: round(x), y: round(y), anchor, style, text }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A scale from 0 with steps of 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    step: f64,
    end: f64,
}

impl Scale {
    fn new(largest: f64) -> Self {
        let mut steps = (0..).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
        let step = steps.find(|step| largest / step <= STEPS_MAX as f64).unwrap_or(1.0);
        Self { step, end: ((largest / step).ceil() * step).max(step) }
    }

    fn steps(self) -> impl Iterator<Item = f64> {
        (0..=(self.end / self.step).round() as usize).map(move |at| at as f64 * self.step)
    }
}

/// A number with its digits in groups of three.
pub(super) fn number(value: usize) -> String {
    grouped(&value.to_string())
}

/// Digits in groups of three.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_few_round_steps_and_holds_the_largest_value() {
        for (largest, step, end) in
            [(0.0, 1.0, 1.0), (1.0, 1.0, 1.0), (6.0, 1.0, 6.0), (7.0, 2.0, 8.0), (1_234.0, 500.0, 1_500.0)]
        {
            assert_eq!(Scale::new(largest), Scale { step, end }, "{largest}");
        }
    }

    #[test]
    fn what_is_hidden_is_not_drawn() {
        let row = |totals, parts| Change { name: "R13".to_owned(), totals, parts };
        let bars = |row: Change| {
            let chart = changes("t", String::new(), ["A", "B"], &[row]);
            chart.marks.iter().filter(|mark| matches!(mark, Mark::Bar { .. })).count()
        };
        assert_eq!(bars(row(Some((10, 20)), Some((2, 12)))), 4);
        assert_eq!(bars(row(Some((10, 20)), Some((0, 10)))), 3);
        assert_eq!(bars(row(Some((10, 20)), None)), 2);
        assert_eq!(bars(row(None, None)), 0);
        assert_eq!(runs(&[Some(1), None, Some(2), Some(3)]), [vec![(0, 1.0)], vec![(2, 2.0), (3, 3.0)]]);
    }
}
