//! Pages of lists of which a reader may not see every row, where it takes more than the database to tell which. A page is short only at
//! the list's end, or after many rows that were looked at, so that neither its length nor its token tells of what is hidden.

use std::future::Future;

/// So many rows are looked at for one page, about: then it ends where it is, and the next one goes on.
pub const LOOKED_AT: u32 = 1_000;

/// Rows that are read at a time once the first did not fill the page.
const STEP: u32 = 200;

/// Some rows, and whether there are more.
#[derive(Clone, Debug)]
pub struct Rows<T> {
    /// The rows, in the list's order.
    pub rows: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

/// What a reader sees of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<T, K> {
    /// What they may see.
    pub items: Vec<T>,
    /// Where the next page begins: after this. None: nothing that they may see is left.
    pub next: Option<K>,
}

/// A page of `size` of those rows after `after` that `sees` lets through. `read` reads so many rows after a key, and `key` is that of
/// a row.
///
/// It is read on until there is one more than the page holds. So a page that has a next one is full, and its end is the key of
/// something that was shown; but for a list of which more than [`LOOKED_AT`] rows in a row are hidden.
pub async fn page<T, K: Clone, E, F: Future<Output = Result<Rows<T>, E>>>(
    size: u32,
    after: Option<K>,
    read: impl Fn(Option<K>, u32) -> F,
    key: impl Fn(&T) -> K,
    sees: impl Fn(&T) -> bool,
) -> Result<Seen<T, K>, E> {
    let full = usize::try_from(size).unwrap_or(usize::MAX);
    let (mut items, mut after, mut looked_at) = (Vec::new(), after, 0);
    let mut step = size.saturating_add(1);
    loop {
        let Rows { rows, more } = read(after.clone(), step).await?;
        for row in rows {
            looked_at += 1;
            let seen = sees(&row);
            if seen && items.len() == full {
                return Ok(Seen { next: items.last().map(key), items });
            }
            after = Some(key(&row));
            if seen {
                items.push(row);
            }
        }
        if !more {
            return Ok(Seen { items, next: None });
        }
        if looked_at >= LOOKED_AT {
            return Ok(Seen { items, next: after });
        }
        step = STEP;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// The numbers below `rows`, of which those are seen that `sees` lets through; the lengths of the pages.
    async fn lengths(rows: u32, size: u32, sees: impl Fn(u32) -> bool) -> Vec<usize> {
        let reads = RefCell::new(0);
        let (mut lengths, mut seen, mut after) = (Vec::new(), Vec::new(), None);
        loop {
            let read = async |after: Option<u32>, step: u32| {
                *reads.borrow_mut() += 1;
                let from = after.map_or(0, |after| after + 1);
                let until = rows.min(from + step);
                Ok::<_, ()>(Rows { rows: (from..until).collect(), more: until < rows })
            };
            let page = page(size, after, &read, |row| *row, |row| sees(*row)).await.unwrap();
            lengths.push(page.items.len());
            seen.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..rows).filter(|row| sees(*row)).collect::<Vec<_>>());
        lengths
    }

    /// Proves ACC-16.
    #[tokio::test]
    async fn a_page_is_short_only_at_the_end() {
        for size in [1, 2, 3, 50] {
            for (rows, every) in [(0, 1), (1, 1), (6, 3), (6, 1), (50, 1), (51, 1), (600, 7), (600, 100)] {
                let lengths = lengths(rows, size, |row| row % every == 0).await;
                let full = usize::try_from(size).unwrap();
                let (last, others) = lengths.split_last().unwrap();
                assert!(others.iter().all(|length| *length == full), "{lengths:?}");
                assert!(*last > 0 || rows == 0, "{lengths:?}");
            }
        }
    }

    /// Nothing that is hidden at the end makes a page, and no page is looked for without an end.
    #[tokio::test]
    async fn a_page_ends_after_many_hidden_rows() {
        assert_eq!(lengths(900, 1, |row| row == 0).await, [1]);
        let pages = lengths(5_000, 1, |row| row == 0 || row == 4_999).await;
        assert!(pages.len() > 3 && pages.len() < 7, "{pages:?}");
        assert_eq!((pages[0], *pages.last().unwrap()), (1, 1));
    }
}
