//! Curves over time, as text.

use ratatui_core::{buffer::Buffer, layout::Rect, symbols::Marker, text::Line, widgets::Widget};
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType, LegendPosition};

/// What was measured, as bars, and what was expected, as dots, over the same seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot<'a> {
    /// How many seconds each value stands for.
    pub(super) width: f64,
    pub(super) measured: &'a [f64],
    pub(super) expected: &'a [f64],
}

impl Plot<'_> {
    /// The plot's lines, without blanks at their ends.
    pub(super) fn lines(&self) -> Vec<String> {
        let end = self.width * u32::try_from(self.measured.len()).map_or(1.0, f64::from).max(1.0);
        let top = self.measured.iter().chain(self.expected).copied().fold(1.0, f64::max);
        let points = |values: &[f64]| -> Vec<(f64, f64)> {
            (0_u32..).zip(values).map(|(index, value)| ((f64::from(index) + 0.5) * self.width, *value)).collect()
        };
        let (measured, expected) = (points(self.measured), points(self.expected));
        let bars = Dataset::default().marker(Marker::Bar).graph_type(GraphType::Bar).data(&measured);
        let dots = Dataset::default().marker(Marker::Dot).graph_type(GraphType::Scatter).data(&expected);
        let seconds = [0.0, end / 2.0, end].map(|at| Line::from(format!("{at:.1} s")));
        let values = [0.0, top / 2.0, top].map(|value| Line::from(format!("{value:>SCALE$.0}")));
        let chart = Chart::new(vec![bars, dots])
            .legend_position(None::<LegendPosition>)
            .x_axis(Axis::default().bounds([0.0, end]).labels(seconds))
            .y_axis(Axis::default().bounds([0.0, top]).labels(values));
        let area = Rect::new(0, 0, COLUMNS, ROWS);
        let mut buffer = Buffer::empty(area);
        chart.render(area, &mut buffer);
        let line = |row| (0..COLUMNS).map(|column| buffer[(column, row)].symbol()).collect::<String>();
        (0..ROWS).map(line).map(|line| line.trim_end().to_owned()).collect()
    }
}

/// How many buckets of time a plot has: a column each.
pub(super) const BUCKETS: usize = 64;
/// How wide the scale at the left is.
const SCALE: usize = 7;
/// With the scale and its axis: as wide as any terminal.
const COLUMNS: u16 = 72;
const ROWS: u16 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_its_scales_and_both_curves() {
        let measured: Vec<f64> = (0..64).map(|index| f64::from(index) * 10.0).collect();
        let expected = vec![600.0; BUCKETS];
        let lines = Plot { width: 0.25, measured: &measured, expected: &expected }.lines();
        let text = lines.join("\n");
        assert_eq!((lines.len(), usize::from(COLUMNS)), (usize::from(ROWS), SCALE + 1 + BUCKETS));
        assert!(text.contains("630") && text.contains("16.0 s") && text.contains("8.0 s"), "{text}");
        assert!(text.contains('•') && text.contains('▄'), "{text}");
    }

    #[test]
    fn a_plot_of_nothing_is_empty_and_not_a_panic() {
        let text = Plot { width: 0.1, measured: &[], expected: &[] }.lines().join("\n");
        assert!(text.contains("0.1 s") && !text.contains('•'), "{text}");
    }
}
