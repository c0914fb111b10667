//! Dots on lines, as SVG.

use std::fmt::Write as _;

/// A chart with an axis on which equal distances are equal ratios.
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// Values with a line and a word each, from the least to the most.
    pub(super) axis: &'static [(f64, &'static str)],
    pub(super) legend: &'static [(Look, &'static str)],
    pub(super) rows: Vec<Row>,
}

pub(super) struct Row {
    pub(super) title: String,
    /// A value that is to be reached.
    pub(super) tick: Option<f64>,
    /// Whether the dots are joined.
    pub(super) line: bool,
    pub(super) dots: Vec<(Look, f64)>,
    /// What stands at the end, apart from the dots.
    pub(super) note: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Look {
    Ours,
    /// The best of the others.
    Best,
    Other,
    /// What is to be reached.
    Tick,
}

impl Chart {
    pub(super) fn svg(&self) -> String {
        let height = TOP + ROW * self.rows.len() as f64 + 30.0;
        let bottom = height - 26.0;
        let title = escaped(self.title);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
             <text class=\"title\" x=\"16\" y=\"28\">{title}</text>\n"
        );
        self.legend(&mut svg);
        for (value, word) in self.axis {
            let x = self.x(*value);
            svg += &format!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n\
                 <text class=\"word\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                bottom + 16.0,
                escaped(word)
            );
        }
        for (index, row) in self.rows.iter().enumerate() {
            self.row(&mut svg, row, TOP + ROW * (index as f64 + 0.5));
        }
        svg + "</svg>\n"
    }

    fn legend(&self, svg: &mut String) {
        let mut x = 20.0;
        for (look, word) in self.legend {
            mark(svg, *look, x, 48.0);
            *svg += &format!(
                "<text class=\"word\" x=\"{:.1}\" y=\"52\">{}</text>\n",
                x + 10.0,
                escaped(word)
            );
            x += 34.0 + 6.6 * word.chars().count() as f64;
        }
    }

    fn row(&self, svg: &mut String, row: &Row, y: f64) {
        let (baseline, title) = (y + 4.0, escaped(&row.title));
        *svg += &format!(
            "<text class=\"name\" x=\"{}\" y=\"{baseline:.1}\" text-anchor=\"end\">{title}</text>\n",
            LEFT - 14.0
        );
        if row.line {
            let all = row.dots.iter().map(|(_, value)| self.x(*value));
            let (from, to) = all.fold((f64::MAX, f64::MIN), |(from, to), x| {
                (from.min(x), to.max(x))
            });
            *svg += &format!(
                "<line class=\"join\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\n"
            );
        }
        if let Some(tick) = row.tick {
            mark(svg, Look::Tick, self.x(tick), y);
        }
        // What matters most is drawn last, above the rest.
        for wanted in [Look::Other, Look::Best, Look::Ours] {
            for (look, value) in &row.dots {
                if *look == wanted {
                    mark(svg, *look, self.x(*value), y);
                }
            }
        }
        *svg += &format!(
            "<text class=\"word\" x=\"{:.1}\" y=\"{baseline:.1}\">{}</text>\n",
            WIDTH - RIGHT + 18.0,
            escaped(&row.note)
        );
    }

    /// Where a value lies; what lies beyond the axis is put at its end.
    fn x(&self, value: f64) -> f64 {
        let (Some((first, _)), Some((last, _))) = (self.axis.first(), self.axis.last()) else {
            return LEFT;
        };
        let share = (value / first).ln() / (last / first).ln();
        LEFT + share.clamp(-0.02, 1.0) * (WIDTH - RIGHT - LEFT)
    }
}

fn mark(svg: &mut String, look: Look, x: f64, y: f64) {
    let (class, radius) = match look {
        Look::Ours => ("ours", 5.5),
        Look::Best => ("best", 5.0),
        Look::Other => ("other", 3.5),
        Look::Tick => {
            let (top, bottom) = (y - 8.0, y + 8.0);
            *svg += &format!(
                "<line class=\"tick\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>\n"
            );
            return;
        }
    };
    // Writing to a string can't fail.
    let _ = writeln!(
        svg,
        "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// In pixels.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 220.0;
const TOP: f64 = 66.0;
const ROW: f64 = 26.0;

/// Colours that can be told apart with any eyes, on light paper and on dark.
const STYLE: &str = "
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.word { font-size: 12px; fill: #59636e }
.paper { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.join { stroke: #818b98; stroke-width: 2 }
.tick { stroke: #cf222e; stroke-width: 2 }
.ours { fill: #0969da }
.best { fill: #bc4c00 }
.other { fill: #818b98; fill-opacity: 0.6 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .word { fill: #9198a1 }
  .paper { fill: #0d1117 }
  .grid { stroke: #3d444d }
  .tick { stroke: #f85149 }
  .ours { fill: #4493f8 }
  .best { fill: #f0883e }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ratios_are_equal_distances_and_nothing_leaves_the_paper() {
        let chart = Chart {
            title: "a < b",
            axis: &[(1.0, "1"), (100.0, "100")],
            legend: &[],
            rows: Vec::new(),
        };
        assert!(chart.svg().contains("a &lt; b"));
        let middle = (chart.x(1.0) + chart.x(100.0)) / 2.0;
        assert!((chart.x(10.0) - middle).abs() < 0.001);
        assert_eq!(chart.x(1e9), chart.x(100.0));
        assert!(chart.x(0.001) > 0.0);
    }
}
