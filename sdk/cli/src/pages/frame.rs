//! What every page has in common: its head, and everything that must stand above the fold.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use trialseal::core::encoding::base64_encode;
use trialseal::core::hash::sha256;

use super::sheet::{BECAUSE_MAX, CLIP, REFUSED_MAX, SAID, SENTENCE, TIMES_MAX};
use crate::findings::{Basis, RefusedFile, Verdict};
use crate::words::{clipped, isolated};

/// How far a register is known to be unbroken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Complete {
    /// K: the register's sequence up to which nothing is missing.
    pub(crate) to: Option<u64>,
    /// When the statement that covers K was made, by the notary's clock.
    pub(crate) stated_at: Option<String>,
    /// The earliest independent time over that statement.
    pub(crate) no_later_than: Option<String>,
    /// Why it is not complete, where it is not.
    pub(crate) problem: Option<String>,
}

impl Complete {
    /// K and its time in one sentence.
    pub(crate) fn sentence(&self) -> String {
        let Some(to) = self.to else {
            let problem = self
                .problem
                .as_deref()
                .unwrap_or("no register statement is among the files");
            return format!(
                "Not known to be complete: {}. What is absent here may exist.",
                problem.trim_end_matches('.')
            );
        };
        let time = match (&self.no_later_than, &self.stated_at) {
            (Some(time), Some(stated)) => {
                format!(
                    "covered by a statement that existed no later than {time}; the notary states {stated}"
                )
            }
            (None, Some(stated)) => {
                format!("covered by a statement of {stated} by the notary's own clock; no independent time")
            }
            _ => "covered by a statement of the notary".to_owned(),
        };
        let problem = self
            .problem
            .as_deref()
            .map(|problem| format!(" {problem}"))
            .unwrap_or_default();
        format!(
            "Unbroken from 1 to K = {to}, {time}. About anything after {to} this page says nothing.{problem}"
        )
    }
}

/// What stands above the fold.
#[derive(Clone, Debug)]
pub(crate) struct Fold {
    /// `Sequence certificate`.
    pub(crate) title: String,
    /// Of what: the register, a site and a day.
    pub(crate) subject: String,
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    pub(crate) because: Vec<String>,
    pub(crate) next: Option<String>,
    /// What is proven where the verdict says so, a sentence each.
    pub(crate) proven: Vec<String>,
    /// "existed no later than ...; the notary states ...", about what the page is mainly about.
    pub(crate) times: Vec<String>,
    pub(crate) complete: Complete,
    pub(crate) basis: Basis,
    /// The pack's title.
    pub(crate) pack: Option<String>,
    pub(crate) refused: Vec<RefusedFile>,
    /// The commands to repeat it.
    pub(crate) commands: Vec<String>,
}

/// What no page ever proves.
const NEVER_PROVEN: &str = "That any content is true; when something happened in the world; that something did not \
                            exist before, elsewhere, or under another class. What was never put on record is not seen.";
const CLOCK: &str = "The notary's clock is a claim: only independent evidence bounds time.";

const STYLE: &str = "@page{size:A4;margin:11mm}\
*{box-sizing:border-box}\
body{font:13px/1.38 system-ui,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif;color:#111;background:#fff;margin:0 auto;\
padding:14px;max-width:1060px}\
h1{font-size:20px;margin:0}h2{font-size:14px;margin:10px 0 3px}\
p{margin:3px 0}ul{margin:2px 0;padding-left:17px}\
.of{color:#333;overflow-wrap:anywhere}\
.verdict{border:2px solid;border-left-width:10px;padding:5px 9px;margin:7px 0}\
.verdict strong{font-size:16px;margin-right:8px}\
.proven{border-color:#14622d}.disproven,.refused{border-color:#a11414}.not-provable{border-color:#8a5a00}\
.two{display:flex;gap:12px}.two>div{flex:1;border:1px solid #999;padding:4px 8px}.two h2{margin-top:0}\
table{border-collapse:collapse;width:100%;margin:4px 0}\
th,td{text-align:left;vertical-align:top;padding:2px 6px 2px 0;border-bottom:1px solid #ccc;overflow-wrap:anywhere}\
table.fixed{table-layout:fixed}\
thead th{border-bottom:1px solid #333;overflow-wrap:normal}\
.w4{width:4%}.w6{width:6%}.w8{width:8%}.w10{width:10%}.w12{width:12%}.w14{width:14%}.w16{width:16%}.w18{width:18%}\
.w20{width:20%}.w22{width:22%}\
.facts th{width:12em;font-weight:normal;color:#333;white-space:nowrap}\
code,pre{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:.92em;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;background:#f3f3f3;padding:4px 7px;margin:3px 0}\
.v{font-weight:bold;white-space:nowrap}.cut{font-style:italic}\
footer{margin-top:7px;color:#333;font-size:.9em}\
@media print{body{padding:0;max-width:none;font-size:8.2pt;line-height:1.27}h1{font-size:13pt}h2{font-size:9pt;margin:5px 0 2px}\
.verdict strong{font-size:10.5pt}.verdict{margin:4px 0;padding:3px 7px}\
p{margin:1px 0}th,td{padding:1px 5px 1px 0}tr,.verdict,.two{break-inside:avoid}}";

/// The whole page.
pub(super) fn page(fold: &Fold, body: &Markup) -> String {
    let inside = html! {
        header {
            h1 { (isolated(&fold.title)) }
            p.of { (isolated(&clipped(&fold.subject, CLIP))) }
        }
        (above(fold))
        (body)
        footer {
            "Made with trialseal " (env!("CARGO_PKG_VERSION")) ". This page is a rendering: the receipts are the \
            evidence, and the commands above repeat every verdict from them. A receipt is not a qualified \
            electronic time stamp."
        }
    };
    document(&format!("{}: {}", fold.title, fold.subject), &inside)
}

/// A document with the style, and a policy that allows nothing but that style.
pub(super) fn document(title: &str, inside: &Markup) -> String {
    let style = base64_encode(sha256(STYLE.as_bytes()).as_bytes());
    let policy =
        format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="referrer" content="no-referrer";
                meta name="viewport" content="width=device-width";
                title { (clipped(title, CLIP)) }
                style { (PreEscaped(STYLE)) }
            }
            body { (inside) }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn above(fold: &Fold) -> Markup {
    html! {
        div class=(format!("verdict {}", class(fold.verdict))) {
            p { strong { (fold.verdict.as_str()) } (isolated(&clipped(&fold.sentence, SENTENCE))) }
            @for sentence in fold.because.iter().take(BECAUSE_MAX) {
                p { "because " (isolated(&clipped(sentence, SAID))) }
            }
            @if fold.because.len() > BECAUSE_MAX {
                p.cut { (fold.because.len() - BECAUSE_MAX) " more reasons: see the commands." }
            }
            @if let Some(next) = &fold.next { p { "next " (isolated(&clipped(next, SAID))) } }
        }
        @if !fold.refused.is_empty() { (refused(&fold.refused)) }
        div.two {
            div {
                h2 { "What is proven" }
                @if fold.proven.is_empty() { p { "Nothing beyond the verdict above." } }
                ul { @for one in &fold.proven { li { (isolated(&clipped(one, SAID))) } } }
                @for time in fold.times.iter().take(TIMES_MAX) { p { (isolated(&clipped(time, SAID))) } }
            }
            div {
                h2 { "What is not" }
                p { (NEVER_PROVEN) }
                p { (CLOCK) }
            }
        }
        table.facts {
            tr { th { "Register complete to" } td { (isolated(&clipped(&fold.complete.sentence(), 2 * SAID))) } }
            tr { th { "Judged at" } td { (fold.basis.at) } }
            tr {
                th { "Trust file, SHA-256" }
                td {
                    code { (fold.basis.trust_sha256) }
                    @if fold.basis.is_bundled { " from inside the bundle: proves nothing" }
                }
            }
            @if let (Some(pack), Some(sha256)) = (&fold.pack, &fold.basis.pack_sha256) {
                tr { th { "Pack, SHA-256" } td { (isolated(&clipped(pack, CLIP))) " " code { (sha256) } } }
            }
            tr { th { "Log" } td { (isolated(&clipped(&fold.basis.origins.join(", "), CLIP))) } }
            tr {
                th { "Repeat it, offline" }
                td { @for command in &fold.commands { pre { (clipped(command, SAID)) } } }
            }
        }
    }
}

fn refused(files: &[RefusedFile]) -> Markup {
    html! {
        div.verdict.refused {
            @for one in files.iter().take(REFUSED_MAX) {
                p { strong { "REFUSED" } (isolated(&clipped(&one.name, 80))) ": "
                    (isolated(&clipped(&one.sentence, SAID))) }
            }
            @if files.len() > REFUSED_MAX { p.cut { (files.len() - REFUSED_MAX) " more files were refused." } }
        }
    }
}

/// The verdict's class of the style sheet.
pub(super) const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proven => "proven",
        Verdict::Disproven => "disproven",
        Verdict::NotProvable => "not-provable",
    }
}
