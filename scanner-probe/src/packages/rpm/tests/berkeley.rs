//! Hash tables of Berkeley DB of either byte order, whole, cut and changed. What real ones hold is
//! compared in `tests/consumers`.

use super::*;

const SIZE: usize = 512;

/// What makes a database: its byte order, and what every page looks like.
#[derive(Clone, Copy)]
struct Order(bool);

impl Order {
    fn word(self, number: usize) -> [u8; 4] {
        let number = u32::try_from(number).unwrap();
        if self.0 {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    fn short(self, number: usize) -> [u8; 2] {
        let number = u16::try_from(number).unwrap();
        if self.0 {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    /// A page of those key and value items.
    fn hash(self, kind: u8, items: &[Vec<u8>]) -> Vec<u8> {
        let mut page = vec![0; SIZE];
        page[20..22].copy_from_slice(&self.short(items.len()));
        page[25] = kind;
        let mut end = SIZE;
        for (number, item) in items.iter().enumerate() {
            end -= item.len();
            page[end..end + item.len()].copy_from_slice(item);
            page[26 + number * 2..28 + number * 2].copy_from_slice(&self.short(end));
        }
        page
    }

    /// An item that says where its value is.
    fn elsewhere(self, page: usize, length: usize) -> Vec<u8> {
        [&[3, 0, 0, 0][..], &self.word(page), &self.word(length)].concat()
    }

    fn key(self, number: usize) -> Vec<u8> {
        [&[1][..], &self.word(number)].concat()
    }

    /// Pages of a value of which the first is page `first`.
    fn chain(self, first: usize, value: &[u8]) -> Vec<u8> {
        let parts: Vec<_> = value.chunks(SIZE - 26).collect();
        let page = |(number, part): (usize, &&[u8])| {
            let mut page = vec![0; SIZE];
            let next = if number + 1 == parts.len() {
                0
            } else {
                first + number + 1
            };
            page[16..20].copy_from_slice(&self.word(next));
            page[25] = 7;
            page[26..26 + part.len()].copy_from_slice(part);
            page
        };
        parts.iter().enumerate().flat_map(page).collect()
    }

    /// The first page, and those pages after it.
    fn whole(self, pages: &[Vec<u8>]) -> Vec<u8> {
        let rest = pages.concat();
        let mut meta = vec![0; SIZE];
        meta[12..16].copy_from_slice(&self.word(0x0006_1561));
        meta[20..24].copy_from_slice(&self.word(SIZE));
        meta[25] = 8;
        meta[32..36].copy_from_slice(&self.word(rest.len() / SIZE));
        meta.extend(rest);
        meta
    }

    /// Three packages, one of them within its page, and rpm's counter.
    fn database(self) -> Vec<u8> {
        let (one, two) = (sized("one", 1500), sized("two", 10));
        let three = sized("three", 2000);
        let counter = [&[1][..], &self.word(3)].concat();
        let here = [&[1][..], &two].concat();
        let length = one.len().div_ceil(SIZE - 26);
        let items = [
            self.key(0),
            counter,
            self.key(1),
            self.elsewhere(2, one.len()),
            self.key(2),
            here,
        ];
        let last = [self.key(256), self.elsewhere(3 + length, three.len())];
        self.whole(&[
            self.hash(13, &items),
            self.chain(2, &one),
            self.hash(2, &last),
            self.chain(3 + length, &three),
        ])
    }
}

const ORDERS: [Order; 2] = [Order(false), Order(true)];

fn read(bytes: Vec<u8>) -> (Vec<Option<Package>>, Result<(), Bad>) {
    read_as(Format::Berkeley, bytes)
}

#[test]
fn packages_are_read_wherever_their_bytes_are() {
    for order in ORDERS {
        let (found, ended) = read(order.database());
        assert_eq!(names(&found), ["one", "two", "three"]);
        assert_eq!(ended, Ok(()));
    }
}

#[test]
fn a_table_that_is_cut_or_not_plain_is_reported() {
    for order in ORDERS {
        let whole = order.database();
        for end in 0..whole.len() {
            assert_eq!(read(whole[..end].to_vec()).1, Err(Bad::Format), "{end}");
        }
        // Encrypted, of another kind, with checksums, in parts, of another page size.
        for at in [24, 25, 26, 36, 39, 12, 20, 23] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert_eq!(read(bytes).1, Err(Bad::Format), "byte {at}");
        }
        let mut bytes = whole.clone();
        bytes[32..36].copy_from_slice(&order.word(1 << 20));
        assert_eq!(read(bytes).1, Err(Bad::Large));
    }
}

#[test]
fn values_that_share_pages_or_go_in_a_circle_end() {
    for order in ORDERS {
        let one = sized("one", 100);
        let mut circle = order.chain(2, &one);
        circle[16..20].copy_from_slice(&order.word(2));
        let long = [order.key(1), order.elsewhere(2, 1 << 20)];
        let bytes = order.whole(&[order.hash(13, &long), circle]);
        assert_eq!(read(bytes), (vec![], Err(Bad::Format)));
        // Each of ten values on the same page: there are but three pages.
        let items: Vec<_> = (1..11)
            .flat_map(|n| [order.key(n), order.elsewhere(2, one.len())])
            .collect();
        let bytes = order.whole(&[order.hash(13, &items), order.chain(2, &one)]);
        let (found, ended) = read(bytes);
        assert_eq!((found.len(), ended), (3, Err(Bad::Format)));
        // A value on a page that is none of values.
        let items = [order.key(1), order.elsewhere(1, 40)];
        assert_eq!(
            read(order.whole(&[order.hash(13, &items)])).1,
            Err(Bad::Format)
        );
    }
}

#[test]
fn what_is_no_package_is_one_that_cannot_be_read() {
    let order = Order(false);
    let duplicates = [order.key(1), vec![2, 0, 0], order.key(2), vec![1]];
    let (found, ended) = read(order.whole(&[order.hash(13, &duplicates)]));
    assert_eq!((names(&found), ended), (vec!["?", "?"], Ok(())));
}

proptest! {
    #[test]
    fn changed_tables_never_panic(
        big in any::<bool>(),
        changes in proptest::collection::vec((prop_oneof![0..100usize, 500..700usize, 0..6000usize], any::<u8>()), 1..20)
    ) {
        let mut bytes = Order(big).database();
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        let _ = read(bytes);
    }
}
