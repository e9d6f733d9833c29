//! Lists that grow by chunks and never copy what they hold. A list that doubles needs its old and its new memory at once, and up
//! to half of the new one stays empty.

use std::num::NonZeroU32;

/// Values in a chunk.
const VALUES: usize = 1024;
/// Bytes in a chunk of texts, a power of two.
const BYTES: usize = 32 << 10;

/// Values by their numbers.
#[derive(Debug)]
pub(super) struct Chunks<T>(Vec<Vec<T>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Chunks<T> {
    pub(super) fn push(&mut self, value: T) {
        if self.len().is_multiple_of(VALUES) {
            self.0.push(Vec::with_capacity(VALUES));
        }
        if let Some(last) = self.0.last_mut() {
            last.push(value);
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.0.get(index / VALUES)?.get(index % VALUES)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.0.get_mut(index / VALUES)?.get_mut(index % VALUES)
    }

    pub(super) fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1) * VALUES;
        full + self.0.last().map_or(0, Vec::len)
    }

    /// Adds a value; its place, counted from 1, where there is one.
    pub(super) fn place(&mut self, value: T) -> Option<NonZeroU32> {
        let place = NonZeroU32::new(u32::try_from(self.len() + 1).ok()?)?;
        self.push(value);
        Some(place)
    }

    /// The value at a place.
    pub(super) fn at(&self, place: NonZeroU32) -> Option<&T> {
        self.get(index(place)?)
    }

    pub(super) fn at_mut(&mut self, place: NonZeroU32) -> Option<&mut T> {
        self.get_mut(index(place)?)
    }
}

fn index(place: NonZeroU32) -> Option<usize> {
    Some(usize::try_from(place.get()).ok()? - 1)
}

/// Texts one after the other, each in one chunk.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<Vec<u8>>);

impl Texts {
    /// Adds a text; where it starts. `None` where it is longer than a chunk, or there are too many.
    pub(super) fn push(&mut self, text: &[u8]) -> Option<u32> {
        if text.len() > BYTES {
            return None;
        }
        let has_room = |chunk: &Vec<u8>| chunk.len() + text.len() <= BYTES;
        if !self.0.last().is_some_and(has_room) {
            self.0.push(Vec::with_capacity(BYTES));
        }
        let number = self.0.len().checked_sub(1)?;
        let chunk = self.0.last_mut()?;
        let start = u32::try_from(number * BYTES + chunk.len()).ok()?;
        chunk.extend_from_slice(text);
        Some(start)
    }

    /// The text that starts there, where the one after it starts at `next`.
    pub(super) fn get(&self, start: u32, next: Option<u32>) -> &[u8] {
        let place = |at: u32| (at as usize / BYTES, at as usize % BYTES);
        let (number, from) = place(start);
        let Some(chunk) = self.0.get(number) else {
            return &[];
        };
        let to = next.map(place).filter(|(other, _)| *other == number);
        let to = to.map_or(chunk.len(), |(_, to)| to);
        chunk.get(from..to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_again_beyond_a_chunk() {
        let mut all = Chunks::default();
        for number in 0..=VALUES * 2 {
            assert_eq!(all.len(), number);
            let place = all.place(number).expect("a place");
            assert_eq!(all.at(place), Some(&number));
        }
        assert!((0..=VALUES * 2).all(|number| all.get(number) == Some(&number)));
        assert_eq!(all.get(VALUES * 2 + 1), None);
        assert!(all.0.iter().all(|chunk| chunk.capacity() == VALUES));
    }

    #[test]
    fn every_text_is_found_again_beyond_a_chunk() {
        let mut all = Texts::default();
        let texts: Vec<String> = (0..10_000).map(|n| format!("{n:0$}", n % 50)).collect();
        let starts: Vec<u32> = texts
            .iter()
            .filter_map(|text| all.push(text.as_bytes()))
            .collect();
        assert!(all.0.len() > 2 && starts.len() == texts.len());
        for (at, text) in texts.iter().enumerate() {
            let next = starts.get(at + 1).copied();
            assert_eq!(all.get(starts[at], next), text.as_bytes(), "{at}");
        }
        let text = vec![b'x'; BYTES + 1];
        assert_eq!(all.push(&text), None);
        // One that fills a chunk ends where that ends, and so does an empty one after it.
        let whole = all.push(&text[1..]).expect("a place");
        let none = all.push(b"").expect("a place");
        let last = all.push(b"y").expect("a place");
        assert_eq!(all.get(whole, Some(none)).len(), BYTES);
        assert_eq!(all.get(none, Some(last)), b"");
        assert_eq!(all.get(last, None), b"y");
        assert!(all.0.iter().all(|chunk| chunk.capacity() == BYTES));
    }
}
