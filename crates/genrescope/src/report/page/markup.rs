//! Pieces of a page.

use super::Figure;
use crate::report::picture::{escaped, inline};

/// A part of the page under its own heading; nothing where there is nothing to say.
pub(super) fn section(id: &str, title: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{body}</section>\n")
}

/// A picture in the page.
pub(super) fn figure(figure: &Figure) -> String {
    format!("<figure>{}</figure>\n", inline(&figure.scene, &figure.name.replace('-', " ")))
}

/// A table; cells are markup. The first column names the row, numbers stand right.
pub(super) fn table(caption: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: String = head.iter().map(|name| format!("<th scope=\"col\">{name}</th>")).collect();
    let row = |cells: &Vec<String>| {
        let cells = cells.iter().enumerate().map(|(i, cell)| match i {
            0 => format!("<th scope=\"row\">{cell}</th>"),
            _ => format!("<td>{cell}</td>"),
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"card\"><p>{caption}</p><div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n\
         {rows}</tbody>\n</table></div></div>\n"
    )
}

/// Plain text as markup.
pub(super) fn text(words: &str) -> String {
    escaped(words)
}

/// A number that is not there.
pub(super) fn missing(why: &str) -> String {
    format!("<span class=\"missing\">{why}</span>")
}

/// What a number stands on, under it.
pub(super) fn beside(words: &str) -> String {
    format!("<small>{}</small>", escaped(words))
}

/// `12.3 %`.
pub(super) fn percent(value: f64) -> String {
    format!("{value:.1}&nbsp;%")
}

/// `12.3 % (10.1 to 14.0)`.
pub(super) fn with_interval(value: f64, [low, high]: [f64; 2]) -> String {
    format!("{} {}", percent(value), beside(&format!("{low:.1} to {high:.1}")))
}

/// A chance, as short as it says something.
pub(super) fn chance(p: f64) -> String {
    if p < 0.001 { "&lt;&nbsp;0.001".into() } else { format!("{p:.3}") }
}
