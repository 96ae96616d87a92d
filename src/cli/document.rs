//! `docs/failoverctl.md` shows what the tests have seen, to the letter.

/// The page, and after each `<!-- snapshot: NAME -->` the snapshot of that name.
#[test]
fn the_pages_examples_are_the_snapshots() {
    let page = include_str!("../../docs/failoverctl.md");
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/cli/snapshots/failoverd__cli__"
    );
    let mut seen = 0;
    for part in page.split("<!-- snapshot: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n```text\n").expect("a block follows");
        let (block, _) = rest.split_once("```\n").expect("the block ends");
        let text = std::fs::read_to_string(format!("{folder}{name}.snap")).expect(name);
        let shown = text
            .splitn(3, "---\n")
            .nth(2)
            .expect("a snapshot has a head");
        assert_eq!(block.trim_end(), shown.trim_end(), "{name}");
        seen += 1;
    }
    assert!(seen >= 5, "{seen} examples");
}
