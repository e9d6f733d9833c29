//! Tests of frames and parts.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::{frames::Proven, *};
use crate::gap::{Attribute, Gap, GapKind};

/// An answer that came as a whole.
fn decode(bytes: &[u8], nonce: &str) -> Result<(Vec<u8>, Proven), WireError> {
    decode_in_steps(bytes, nonce, bytes.len().max(1))
}

fn decode_in_steps(bytes: &[u8], nonce: &str, step: usize) -> Result<(Vec<u8>, Proven), WireError> {
    let (mut frames, mut all) = (Frames::new(nonce), Vec::new());
    for step in bytes.chunks(step) {
        frames.push(step, &mut |payload| {
            all.extend_from_slice(payload);
            Ok(())
        })?;
    }
    Ok((all, frames.finish()?))
}

/// Name, data, gaps and ending of a part.
type Part = (String, Vec<Vec<u8>>, Vec<Gap>, Option<Ending>);

#[derive(Default)]
struct Seen(Vec<Part>);

impl PartSink for Seen {
    fn begin(&mut self, name: &str) -> Result<(), WireError> {
        self.0.push((name.into(), Vec::new(), Vec::new(), None));
        Ok(())
    }
    fn line(&mut self, line: &[u8]) -> Result<(), WireError> {
        self.0.last_mut().unwrap().1.push(line.to_vec());
        Ok(())
    }
    fn end(&mut self, gaps: Vec<Gap>, ending: Option<Ending>) -> Result<(), WireError> {
        let part = self.0.last_mut().unwrap();
        (part.2, part.3) = (gaps, ending);
        Ok(())
    }
}

/// The parts of a payload, and whether it has its end.
fn parts(payload: &[u8], nonce: &str, step: usize) -> Result<(Vec<Part>, bool), WireError> {
    let (mut parts, mut seen) = (Parts::new(nonce), Seen::default());
    for step in payload.chunks(step) {
        parts.push(step, &mut seen)?;
    }
    Ok((seen.0, parts.is_done()))
}

fn encode(payloads: &[&[u8]], nonce: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut out = Vec::new();
    let mut writer = FrameWriter::new(&mut out, nonce);
    for payload in payloads {
        writer.write_all(payload).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    out
}

#[test]
fn the_checksum_is_that_of_posix_cksum() {
    // printf 123456789 | cksum; printf '' | cksum
    assert_eq!(cksum(b"123456789"), 930_766_865);
    assert_eq!(cksum(b""), 4_294_967_295);
}

#[test]
fn an_answer_that_is_cut_anywhere_is_an_error() {
    let whole = encode(&[b"first\n", b"@end n 0 0 0\nsecond"], "n");
    assert_eq!(
        decode(&whole, "n").unwrap().0,
        b"first\n@end n 0 0 0\nsecond"
    );
    for end in 0..whole.len() {
        assert!(decode(&whole[..end], "n").is_err(), "cut at {end}");
    }
    let mut longer = whole.clone();
    longer.push(b'x');
    assert_eq!(decode(&longer, "n"), Err(WireError::Trailer));
    assert!(decode(&whole, "other").is_err());
}

#[test]
fn a_changed_byte_is_an_error() {
    let whole = encode(&[b"some data", b"more"], "n");
    for at in 0..whole.len() - 1 {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(decode(&changed, "n").is_err(), "changed at {at}");
    }
}

#[test]
fn a_sha256_stands_for_a_checksum_where_there_is_no_cksum() {
    let sum = |text: &str| hex::encode(Sha256::digest(text));
    let header = format!("@frame n 0 4 sha256:{}\n", sum("data"));
    let end = format!("@end n 1 4 sha256:{}\n", sum(&header));
    let whole = format!("{header}data\n{end}");
    assert!(decode(whole.as_bytes(), "n").unwrap().1.digests);
    for changed in [whole.replace("data", "dada"), whole.replace(" n ", " m ")] {
        assert!(matches!(
            decode(
                changed.as_bytes(),
                if changed.contains(" m ") { "m" } else { "n" }
            ),
            Err(WireError::Checksum(_))
        ));
    }
}

#[test]
fn tools_that_are_missing_or_broken_are_named() {
    assert_eq!(missing_tool("the target has no find"), Some("find"));
    assert_eq!(
        broken_tool("the target's sh does not do what it must"),
        Some("sh")
    );
    for other in ["the target's sh", "/proc cannot be read"] {
        assert_eq!((missing_tool(other), broken_tool(other)), (None, None));
    }
}

#[test]
fn a_greeting_before_an_answer_is_left_out_and_a_long_one_is_an_error() {
    let whole = encode(&[b"data"], "n");
    for greeting in ["", "Welcome\n", "@frame m 0 4 1\nlogin> ", "@frame n"] {
        let answer = [greeting.as_bytes(), &whole].concat();
        for step in [1, 7, answer.len()] {
            let (data, _) = decode_in_steps(&answer, "n", step).unwrap();
            assert_eq!(data, b"data", "{greeting:?}");
        }
    }
    let long = [&vec![b'x'; 65 * 1024][..], &whole].concat();
    for step in [1000, long.len()] {
        let error = decode_in_steps(&long, "n", step).unwrap_err();
        assert_eq!(error, WireError::NoAnswer);
    }
    assert_eq!(decode(b"Welcome\n", "n"), Err(WireError::NoAnswer));
    assert_eq!(decode(b"", "n"), Err(WireError::NoAnswer));
    assert_eq!(decode(b"@end n 0 0 ", "n"), Err(WireError::Cut));
}

#[test]
fn a_section_without_status_or_end_is_never_complete() {
    let whole = b"@n section users\na\n!ok\n@n section groups\nb\n@n done 2\n";
    let (found, done) = parts(whole, "n", 1).unwrap();
    assert!(done);
    assert_eq!(
        (&found[0].1[0], &found[0].3),
        (&b"a".to_vec(), &Some(Ending::Ok))
    );
    assert_eq!(found[1].3, None, "no status");
    let (found, done) = parts(b"@n section users\na\n!ok\n", "n", 5).unwrap();
    assert_eq!((found[0].3.clone(), done), (None, false));
    let forged = b"@n section users\n@x section groups\n!ok\n@n done 1\n";
    assert_eq!(parts(forged, "n", 3).unwrap().0.len(), 1);
    let other = parts(b"@n nonsense\n", "n", 50);
    assert_eq!(other, Err(WireError::Incomplete));
}

#[test]
fn gaps_are_read_before_the_status_alone() {
    let payload = b"@n section files\n!gap vanished\nx\n!gap not_searchable /root\xff\n\
            !gap unsupported/digest\n!gap later/other x\n!partial 2 why\n@n done 1\n";
    for step in [1, 10, payload.len()] {
        let (_, lines, gaps, ending) = parts(payload, "n", step).unwrap().0.remove(0);
        assert_eq!(lines, [&b"!gap vanished"[..], b"x"]);
        let expected = [
            Gap::new(GapKind::NotSearchable).at(&b"/root\xff"[..]),
            Gap::new(GapKind::Unsupported).of_attribute(Attribute::Digest),
            Gap::new(GapKind::Unknown).of_attribute(Attribute::Unknown),
        ];
        assert_eq!(gaps, expected);
        assert_eq!(ending, Some(Ending::Partial(2, "why".into())));
    }
}

#[test]
fn a_line_of_any_length_takes_bounded_memory_and_is_no_data() {
    let long = vec![b'x'; 200 * 1024];
    let payload = [b"@n section users\n", &long[..], b"\nb\n!ok\n@n done 1\n"].concat();
    for step in [1000, payload.len()] {
        let (_, lines, _, ending) = parts(&payload, "n", step).unwrap().0.remove(0);
        assert_eq!(lines, [&b""[..], b"b"]);
        assert_eq!(ending, Some(Ending::Ok));
    }
}

#[test]
fn many_lines_that_look_like_an_ending_are_data_but_for_the_last() {
    let mut payload = b"@n section mounts\n".to_vec();
    for _ in 0..1000 {
        payload.extend_from_slice(b"!ok\n");
    }
    payload.extend_from_slice(b"@n done 1\n");
    let (_, lines, gaps, ending) = parts(&payload, "n", 100).unwrap().0.remove(0);
    assert_eq!(
        (lines.len(), gaps.len(), ending),
        (999, 0, Some(Ending::Ok))
    );
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode(&bytes, "n");
        let _ = parts(&bytes, "n", 7);
    }

    #[test]
    fn what_was_sent_is_what_is_read(payloads in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 1..300), 0..6))
    {
        let parts: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let answer = encode(&parts, "n");
        for step in [1, 100, answer.len()] {
            let (payload, _) = decode_in_steps(&answer, "n", step).unwrap();
            prop_assert_eq!(payload, payloads.concat());
        }
    }
}
