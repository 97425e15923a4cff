use super::*;

fn code(language: &str, text: &str) -> String {
    format!(
        "<ac:structured-macro ac:name=\"code\" ac:schema-version=\"1\" ac:macro-id=\"1\">\
         <ac:parameter ac:name=\"language\">{language}</ac:parameter>\
         <ac:plain-text-body><![CDATA[{text}]]></ac:plain-text-body></ac:structured-macro>"
    )
}

fn markdown(storage: &str) -> String {
    to_markdown(storage).unwrap()
}

#[test]
fn code_comes_out_as_it_went_in() {
    let block = "; invariant: A-1\n(declare-const x Int)\n\t(assert (< x 1)) ; <p> & ]] \\ `` \n";
    let page = format!("<h1>Refunds</h1><p>All of it.</p>{}<p>Then.</p>", code("smt2", block));
    assert_eq!(
        markdown(&page),
        format!("# Refunds\n\nAll of it.\n\n```smt2\n{block}```\n\nThen.\n")
    );
    // The end of a section within the text is written as two sections.
    let split = code("smt-lib", "(assert (= a[b[0]]]]><![CDATA[> 1))");
    assert_eq!(markdown(&split), "```smt-lib\n(assert (= a[b[0]]> 1))\n```\n");
    let fenced = code("smt2", "```\n````");
    assert_eq!(markdown(&fenced), "`````smt2\n```\n````\n`````\n");
    assert_eq!(markdown(&code("none", "; invariant: B")), "```smt2\n; invariant: B\n```\n");
}

#[test]
fn code_in_tables_panels_lists_and_layouts_is_found() {
    let code = code("smt2", "(check-sat)");
    for around in [
        ["<ul><li><p>x</p>", "</li></ul>"],
        ["<table><tbody><tr><td>", "</td></tr></tbody></table>"],
        [
            "<ac:structured-macro ac:name=\"expand\"><ac:parameter ac:name=\"title\">More</ac:parameter><ac:rich-text-body>",
            "</ac:rich-text-body></ac:structured-macro>",
        ],
        [
            "<ac:structured-macro ac:name=\"info\"><ac:rich-text-body><p>y</p>",
            "</ac:rich-text-body></ac:structured-macro>",
        ],
        [
            "<ac:layout><ac:layout-section><ac:layout-cell>",
            "</ac:layout-cell></ac:layout-section></ac:layout>",
        ],
        ["<p>a", "b</p>"],
        ["<blockquote>", "</blockquote>"],
    ] {
        let text = markdown(&format!("{}{code}{}", around[0], around[1]));
        assert!(text.contains("```smt2\n(check-sat)\n```\n"), "{around:?}: {text}");
    }
}

#[test]
fn prose_stays_prose() {
    assert_eq!(
        markdown("<p>a&nbsp;&rarr; b &amp; <strong>c</strong>&#x21; &unknown; ```smt2</p>"),
        "a → b \\& c! \\&unknown; \\`\\`\\`smt2\n"
    );
    assert_eq!(
        markdown("<ul><li>one<ol start=\"3\"><li>two</li></ol></li></ul><hr/><p>x<br/>y</p>"),
        "- one\n\n  3. two\n\n***\n\nx\\\ny\n"
    );
    let table = "<table><tbody><tr><th>k</th><th>v</th></tr><tr><td><p>a</p><p>b</p></td><td>|</td></tr></tbody></table>";
    assert_eq!(markdown(table), "| k | v |\n| --- | --- |\n| a b | \\| |\n");
}

#[test]
fn links_lead_where_they_say_and_macros_keep_their_words() {
    let links = "<p><a href=\"https://example.com/?a=1&amp;b=2\">there</a>, \
        <ac:link><ri:page ri:content-title=\"Other page\"/></ac:link>, \
        <ac:link><ri:page ri:content-title=\"Other\"/><ac:plain-text-link-body><![CDATA[that]]></ac:plain-text-link-body></ac:link>, \
        <a href=\"javascript:alert(1)\">no</a></p>";
    assert_eq!(
        markdown(links),
        "[there](<https://example.com/?a=1&amp;b=2>), Other page, that, no\n"
    );
    let macros = "<p>It is <ac:structured-macro ac:name=\"status\"><ac:parameter ac:name=\"colour\">Green</ac:parameter><ac:parameter ac:name=\"title\">done</ac:parameter></ac:structured-macro>.</p>\
        <ac:structured-macro ac:name=\"something-new\"><ac:rich-text-body><p>kept</p></ac:rich-text-body></ac:structured-macro>\
        <ac:structured-macro ac:name=\"panel\"><ac:parameter ac:name=\"title\">Title</ac:parameter><ac:rich-text-body><p>text</p></ac:rich-text-body></ac:structured-macro>\
        <ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-status>complete</ac:task-status><ac:task-body>do</ac:task-body></ac:task></ac:task-list>";
    assert_eq!(markdown(macros), "It is done.\n\nkept\n\n> Title\n>\n> text\n\n- do\n");
}

#[test]
fn what_is_there_twice_is_read_once() {
    let block = code("smt2", "(check-sat)");
    let node = format!(
        "<ac:adf-extension><ac:adf-node type=\"panel\"><ac:adf-attribute key=\"panel-type\">note</ac:adf-attribute>\
         <ac:adf-content>{block}</ac:adf-content></ac:adf-node><ac:adf-fallback><div>{block}</div></ac:adf-fallback></ac:adf-extension><p>after</p>"
    );
    assert_eq!(markdown(&node), "```smt2\n(check-sat)\n```\n\nafter\n");
}

#[test]
fn bombs_are_refused() {
    let declared = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><p>&b;</p>";
    assert!(matches!(to_markdown(declared), Err(Unreadable::NotUnderstood(_))));
    let external = "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><p>&x;</p>";
    assert!(matches!(to_markdown(external), Err(Unreadable::NotUnderstood(_))));
    for name in ["p", "div", "ul", "blockquote", "strong", "ac:structured-macro", "code", "a"] {
        let deep = format!("<{name}>").repeat(10_000) + &format!("</{name}>").repeat(10_000);
        assert!(matches!(to_markdown(&deep), Err(Unreadable::TooDeep(_))), "{name}");
    }
    let large = format!("<p>{}</p>", "x".repeat(50 << 20));
    assert_eq!(to_markdown(&large), Err(Unreadable::TooLarge(MAX_BYTES)));
    // Much text out of little.
    let amplified = "<blockquote>".repeat(90) + &"<p>x</p>".repeat(500_000);
    assert!(matches!(to_markdown(&amplified), Err(Unreadable::TooLarge(_))));
}

#[test]
fn broken_pages_are_refused_without_being_quoted() {
    for broken in [
        "<p>s3cret",
        "</p>",
        "<p></div>",
        "<ac:plain-text-body><![CDATA[s3cret",
        "<p s3cret",
        "<![CDATA[s3cret]]",
        "<!--s3cret",
    ] {
        let error = to_markdown(broken).unwrap_err();
        assert!(matches!(error, Unreadable::NotUnderstood(_)), "{broken}: {error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
    for fine in ["", " ", "&", "a & b", "text", "<p/>", "<?x y?><!-- c -->", "]]>", "<li>x</li>"] {
        assert!(to_markdown(fine).is_ok(), "{fine}");
    }
}
