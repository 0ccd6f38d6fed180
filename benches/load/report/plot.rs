//! Ratios as bars, in an SVG that needs no viewer but a browser.

use std::fmt::Write as _;

use tollgate_load::Interval;

const ROW: f64 = 22.0;
const LEFT: f64 = 220.0;
const WIDTH: f64 = 560.0;
const MARGIN: f64 = 40.0;
/// The longest bar, in times of the reference; what is longer is cut off and says so.
const RATIO_MAX: f64 = 4.0;

/// One gateway in one scenario.
pub(super) struct Bar {
    pub(super) scenario: &'static str,
    pub(super) gateway: String,
    pub(super) interval: Interval,
}

/// CPU beside the reference: shorter is better, the line is the reference itself.
pub(super) fn draw(bars: &[Bar]) -> String {
    let height = MARGIN * 2.0 + ROW * bars.len() as f64;
    let x = |ratio: f64| LEFT + WIDTH * ratio.clamp(0.0, RATIO_MAX) / RATIO_MAX;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.0}\" height=\"{height:.0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\" font-size=\"14\">CPU in times of bare Pingora's, with 95 % intervals</text>\n",
        LEFT + WIDTH + MARGIN * 2.0
    );
    for (at, Bar { scenario, gateway, interval }) in bars.iter().enumerate() {
        let y = MARGIN + ROW * at as f64;
        let Interval { ratio, low, high } = *interval;
        let _infallible = writeln!(
            svg,
            "<text x=\"10\" y=\"{:.0}\">{scenario} · {}</text>\
             <rect x=\"{LEFT}\" y=\"{:.0}\" width=\"{:.1}\" height=\"12\" fill=\"#4a78b5\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{:.0}\" y2=\"{:.0}\" stroke=\"black\"/>\
             <text x=\"{:.1}\" y=\"{:.0}\">{ratio:.2}</text>",
            y + 13.0,
            escape(gateway),
            y + 3.0,
            x(ratio) - LEFT,
            x(low),
            x(high),
            y + 9.0,
            y + 9.0,
            x(high.max(ratio)) + 6.0,
            y + 13.0,
        );
    }
    let _infallible = writeln!(
        svg,
        "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1:.0}\" y2=\"{2:.0}\" stroke=\"#b03030\" stroke-dasharray=\"4\"/>\n</svg>",
        x(1.0),
        MARGIN - 6.0,
        height - MARGIN
    );
    svg
}

/// A gateway's name comes from the command line.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
