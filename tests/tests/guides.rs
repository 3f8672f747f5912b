//! The guides say what is there: links lead somewhere, and programs that they quote are the files.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A page, by its path from the repository's root.
struct Page {
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member lies in the workspace").to_owned()
}

/// The first page, the changelog and everything in `docs`.
fn pages() -> Vec<Page> {
    let docs = fs::read_dir(root().join("docs")).expect("the folder of the guides");
    let guides = docs.map(|entry| Path::new("docs").join(entry.expect("an entry").file_name()));
    let guides = guides.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let first = ["README.md", "CHANGELOG.md"].map(PathBuf::from);
    first.into_iter().chain(guides).map(Page::read).collect()
}

impl Page {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// Its lines, without those in blocks of code.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut fenced = false;
        self.text.lines().filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
    }

    /// Where its links lead: `[text](here)` and `[name]: here`.
    fn links(&self) -> Vec<&str> {
        let inline = self.prose().flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
        let named = self.prose().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).map(|(_, target)| target);
        inline.chain(named).collect()
    }

    /// The anchors of its headings, as the forge makes them.
    fn anchors(&self) -> Vec<String> {
        let headings = self.prose().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }
}

/// Lower case, spaces as hyphens, and no other punctuation.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|&letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut dead = Vec::new();
    for page in pages() {
        let folder = root().join(page.path.parent().expect("a page lies in a folder"));
        for link in page.links().into_iter().filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            if !folder.join(file).exists() {
                dead.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
}

#[test]
fn every_link_to_a_heading_leads_to_one() {
    let mut dead = Vec::new();
    for page in pages() {
        let folder = page.path.parent().expect("a page lies in a folder");
        for link in page.links().into_iter().filter(|link| !link.contains("://")) {
            let Some((file, wanted)) = link.split_once('#') else { continue };
            let path = if file.is_empty() { page.path.clone() } else { folder.join(file) };
            if path.extension().is_none_or(|extension| extension != "md") || !root().join(&path).exists() {
                continue;
            }
            if !Page::read(path).anchors().iter().any(|anchor| anchor == wanted) {
                dead.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
}

#[test]
fn every_excerpt_is_in_the_file_that_it_names() {
    let mut wrong = Vec::new();
    for page in pages() {
        for rest in page.text.split("<!-- excerpt: ").skip(1) {
            let (file, rest) = rest.split_once(" -->\n").expect("the comment ends");
            let block = rest.split("```").nth(1).expect("a block follows");
            let (_, quoted) = block.split_once('\n').expect("the block has lines");
            let source = fs::read_to_string(root().join(file)).unwrap_or_default();
            if !source.contains(quoted) {
                wrong.push(format!("{}: {file}: {}", page.path.display(), quoted.lines().next().unwrap_or_default()));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_guide_is_on_the_first_page() {
    let pages = pages();
    let index = &pages[0];
    let listed = |page: &Page| index.links().iter().any(|link| Path::new(link) == page.path);
    let missing: Vec<_> = pages[1..].iter().filter(|page| !listed(page)).map(|page| page.path.display()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
