use super::*;

/// Goal: every character set of PS3.3 C.12.1.1.2. Method: bytes of the PS3.5 examples (annexes H to K)
/// and of real names against the text.
#[test]
fn the_table_of_character_sets() {
    let table: &[(&[&str], &[u8], &str)] = &[
        (&[], b"Smith^John", "Smith^John"),
        (&["ISO_IR 6"], b"Smith^John", "Smith^John"),
        (&["ISO_IR 100"], b"Buc^J\xE9r\xF4me", "Buc^Jérôme"),
        (&["ISO_IR 101"], b"W\xB3odarczyk", "Włodarczyk"),
        (&["ISO_IR 109"], b"Erbg\xFD", "Erbgŭ"),
        (&["ISO_IR 110"], b"\xA2", "ĸ"),
        (&["ISO_IR 144"], b"\xBB\xEE\xDAce\xDC\xD1yp\xD3", "Люкceмбypг"),
        (&["ISO_IR 127"], b"\xE2\xC8\xC7\xE6\xEA^\xE4\xE6\xD2\xC7\xD1", "قباني^لنزار"),
        (&["ISO_IR 126"], b"\xC4\xE9\xEF\xED\xF5\xF3\xE9\xEF\xF2", "Διονυσιος"),
        (&["ISO_IR 138"], b"\xF9\xF8\xE5\xEF^\xE3\xE1\xE5\xF8\xE4", "שרון^דבורה"),
        (&["ISO_IR 148"], b"\xC7avu\xFEo\xF0lu", "Çavuşoğlu"),
        (&["ISO_IR 166"], b"\xA1\xD2\xC3", "การ"),
        (&["ISO_IR 203"], b"\xA4\xBD", "€œ"),
        (&["ISO_IR 13"], b"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        (&["ISO_IR 192"], "Wang^XiaoDong=王^小东".as_bytes(), "Wang^XiaoDong=王^小东"),
        (&["GB18030"], b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB", "Wang^XiaoDong=王^小东"),
        (&["GBK"], b"\xCD\xF5^\xD0\xA1\xB6\xAB", "王^小东"),
        // PS3.5 K.2: GB 2312 in G1, initial set ASCII.
        (
            &["", "ISO 2022 IR 58"],
            b"Zhang^XiaoDong=\x1B$)A\xD5\xC5^\x1B$)A\xD0\xA1\xB6\xAB=",
            "Zhang^XiaoDong=张^小东=",
        ),
        (&["ISO 2022 IR 6", "ISO 2022 IR 58"], b"\x1B$)A\xD5\xC5", "张"),
        (&["ISO 2022 IR 58"], b"\x1B$)A\xD5\xC5", "张"),
        // PS3.5 H.3.1: kanji by escape, back to ASCII before each delimiter.
        (
            &["", "ISO 2022 IR 87"],
            b"Yamada^Tarou=\x1B$B;3ED\x1B(B^\x1B$BB@O:\x1B(B=\x1B$B$d$^$@\x1B(B^\x1B$B$?$m$&\x1B(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        // PS3.5 H.3.2: katakana in G1 first.
        (
            &["ISO 2022 IR 13", "ISO 2022 IR 87"],
            b"\xD4\xCF\xC0\xDE^\xC0\xDB\xB3=\x1B$B;3ED\x1B(J^\x1B$BB@O:\x1B(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (&["", "ISO 2022 IR 159"], b"\x1B$(D0!\x1B(B", "丂"),
        // PS3.5 I.2: Korean.
        (
            &["", "ISO 2022 IR 149"],
            b"Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (&["ISO 2022 IR 100", "ISO 2022 IR 144"], b"\xE9 \x1B-L\xBB\xEE", "é Лю"),
    ];
    for (charset, bytes, text) in table {
        assert_eq!(decode(bytes, charset, None), *text, "{charset:?}");
    }
}

/// The second byte of U+4E57 in GBK is a backslash; values are split after decoding.
#[test]
fn backslash_inside_a_character_does_not_split() {
    let bytes = b"\x81\x5C\\\xCD\xF5";
    assert_eq!(decode_values(bytes, &["GBK"], None).len(), 2);
    assert_eq!(decode_values(bytes, &["GB18030"], None)[1], "王");
    assert_eq!(decode_values(b"ORIGINAL\\PRIMARY \\AXIAL\0", &[], None), ["ORIGINAL", "PRIMARY", "AXIAL"]);
}

/// Undeclared bytes go by the site's setting, else by UTF-8 where that is valid, else Latin-1.
#[test]
fn undeclared_text_uses_the_fallback() {
    let gbk = b"\xCD\xF5^\xD0\xA1\xB6\xAB";
    for charset in [&[][..], &["ISO_IR 6"], &["NONSENSE"]] {
        assert_eq!(decode(gbk, charset, Some("GB18030")), "王^小东");
    }
    assert_eq!(decode("王".as_bytes(), &[], None), "王");
    assert_eq!(decode(b"J\xE9r\xF4me", &[], None), "Jérôme");
    assert_eq!(decode(b"J\xE9r\xF4me", &["ISO_IR 100"], Some("GB18030")), "Jérôme", "a declared set wins");
    assert!(is_known_charset("GB18030") && !is_known_charset("EBCDIC"));
}
