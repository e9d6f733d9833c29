//! Changes random archives in places that readers look at, and mends checksums, so that what is said is odd and
//! still said.

use crate::random::Random;

const BLOCK: usize = 512;
/// Where the fields of a header are, and how long they are.
const FIELDS: [(usize, usize); 18] = [
    (0, 100),
    (100, 8),
    (108, 8),
    (116, 8),
    (124, 12),
    (124, 12),
    (136, 12),
    (148, 8),
    (156, 1),
    (156, 1),
    (157, 100),
    (257, 6),
    (263, 2),
    (265, 32),
    (329, 8),
    (337, 8),
    (345, 155),
    (500, 12),
];
/// Types that entries have, and some that they have not.
const KINDS: &[u8] = b"\x000123456701234567xgLKSDVMXNA";
/// Bytes that mean something somewhere in a header or a record.
const BYTES: &[u8] = b"\0\0  01789-+./=,\n\\.wh.xa\x7f\x80\xbf\xc0\xff";

/// Changes one to three places of a stack.
pub(crate) fn change(random: &mut Random, layers: &mut [Vec<u8>]) {
    for _ in 0..random.one(&[1, 1, 2, 3]) {
        let at = random.below(layers.len());
        let layer = &mut layers[at];
        let headers = headers(layer);
        if headers.is_empty() {
            continue;
        }
        let header = headers[random.below(headers.len())];
        match random.below(16) {
            0 => repeat(random, layer, header),
            1 => {
                let cut = random.below(layer.len());
                layer.truncate(cut);
            }
            2 => number(random, &mut layer[header..header + BLOCK]),
            3..=5 => data(random, layer, header),
            _ => field(random, &mut layer[header..header + BLOCK]),
        }
    }
}

/// Where blocks are whose checksum is right.
fn headers(layer: &[u8]) -> Vec<usize> {
    let (blocks, _) = layer.as_chunks::<BLOCK>();
    let is_header = |block: &[u8; BLOCK]| {
        let mut sealed = *block;
        seal(&mut sealed);
        block[148..154] == sealed[148..154] && block.iter().any(|byte| *byte != 0)
    };
    let found = blocks.iter().enumerate().filter(|(_, b)| is_header(b));
    found.map(|(number, _)| number * BLOCK).collect()
}

/// Writes the checksum of a header.
fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn field(random: &mut Random, block: &mut [u8]) {
    let (start, length) = random.one(&FIELDS);
    for _ in 0..random.one(&[1, 1, 1, 2, 4]) {
        // The first and the last bytes of a field are those that count.
        let at = match random.below(4) {
            0 => 0,
            1 => length - 1,
            _ => random.below(length),
        };
        let near = block[start + at].wrapping_add(random.one(&[1, 255]));
        block[start + at] = match start {
            156 => random.one(KINDS),
            _ if random.rarely(3) => near,
            _ => random.one(BYTES),
        };
    }
    if random.rarely(6) {
        // The end of the header as another format has it.
        let format = random.one(&[
            &b"ustar  \0"[..],
            b"ustar\x0000",
            b"ustar\0\0\0",
            b"\0\0\0\0\0\0\0\0",
        ]);
        block[257..265].copy_from_slice(format);
    }
    if !random.rarely(40) {
        seal(block);
    }
}

/// A number as it is seldom written.
fn number(random: &mut Random, block: &mut [u8]) {
    let (start, length) = random.one(&[
        (100, 8),
        (108, 8),
        (116, 8),
        (124, 12),
        (136, 12),
        (329, 8),
        (337, 8),
    ]);
    let written: &[u8] = random.one(&[
        &b"\x80\0\0\0\0\0\0\x01"[..],
        b"\x80\0\0\x01\0\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xfe",
        b"\xff\xff\xff\xff\0\0\0\0",
        b"\xc0\0\0\0\0\0\0\x01",
        b"        ",
        b"\0\0\0\0\0\0\0\0",
        b"0000755 ",
        b"755\0\0\0\0\0",
        b"  755\0 \0",
        b"7\0 7\0\0\0\0",
        b"-0000001",
        b"77777777",
        b"0o755\0\0\0",
    ]);
    let field = &mut block[start..start + length];
    let end = length - written.len();
    if written[0] & 0x80 == 0 {
        field.fill(random.one(b"\0 0"));
        let place = random.one(&[0, end]);
        field[place..place + written.len()].copy_from_slice(written);
    } else {
        // In the bytes themselves, from the first to the last.
        field.fill(if written[0] & 0x40 == 0 { 0 } else { 0xff });
        field[0] = written[0];
        field[end + 1..].copy_from_slice(&written[1..]);
    }
    seal(block);
}

/// A byte of what follows a header: of records, of long names, of maps.
fn data(random: &mut Random, layer: &mut [u8], header: usize) {
    let end = layer.len().min(header + 2 * BLOCK);
    if end <= header + BLOCK {
        return;
    }
    let body = &layer[header + BLOCK..end];
    let used = body
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(1, |at| at + 1);
    for _ in 0..random.one(&[1, 1, 2, 4]) {
        let at = header + BLOCK + random.below(used);
        layer[at] = match random.below(3) {
            0 => layer[at].wrapping_add(1),
            1 => random.byte(),
            _ => random.one(BYTES),
        };
    }
}

/// Puts a header and what follows it somewhere again, or takes it away.
fn repeat(random: &mut Random, layer: &mut Vec<u8>, header: usize) {
    let end = layer.len().min(header + BLOCK * (1 + random.below(3)));
    let some = layer[header..end].to_vec();
    let headers = headers(layer);
    let to = headers[random.below(headers.len())];
    if random.rarely(3) {
        layer.drain(header..end);
    } else {
        layer.splice(to..to, some);
    }
}
