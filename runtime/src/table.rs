//! A partition's state as encoded values by key, with an undo log: what most stages keep. It does not know what the
//! bytes mean.

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::hash::Hash;

/// Encoded values by key. Since the last [`Table::commit`] it remembers, for each key that was touched, the value of
/// then: [`Table::rollback`] brings it back, [`Table::changes`] tells what a changelog must say.
#[derive(Debug)]
pub struct Table<K> {
    values: HashMap<K, Box<[u8]>, RandomState>,
    /// Keys touched since the last commit, in the order of their first touch, with their value of then.
    undo: Vec<(K, Option<Box<[u8]>>)>,
    touched: HashMap<K, (), RandomState>,
    bytes: usize,
}

impl<K: Copy + Eq + Hash> Default for Table<K> {
    fn default() -> Self {
        Self { values: HashMap::default(), undo: Vec::new(), touched: HashMap::default(), bytes: 0 }
    }
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&[u8]> {
        self.values.get(key).map(AsRef::as_ref)
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: K, value: &[u8]) {
        self.bytes += value.len();
        let old = self.values.insert(key, value.into());
        self.remember(key, old);
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &K) {
        let old = self.values.remove(key);
        if old.is_some() {
            self.remember(*key, old);
        }
    }

    fn remember(&mut self, key: K, old: Option<Box<[u8]>>) {
        self.bytes -= old.as_ref().map_or(0, |old| old.len());
        if self.touched.insert(key, ()).is_none() {
            self.undo.push((key, old));
        }
    }

    /// Sets a value as a restore does: it counts as committed.
    pub fn restore(&mut self, key: K, value: Option<&[u8]>) {
        let old = match value {
            Some(value) => {
                self.bytes += value.len();
                self.values.insert(key, value.into())
            }
            None => self.values.remove(&key),
        };
        self.bytes -= old.map_or(0, |old| old.len());
    }

    /// What changed since the last commit: key, value of then, value of now; in the order of the first touch.
    pub fn changes(&self) -> impl Iterator<Item = (&K, Option<&[u8]>, Option<&[u8]>)> {
        self.undo.iter().map(|(key, old)| (key, old.as_deref(), self.get(key)))
    }

    /// Forgets the undo log.
    pub fn commit(&mut self) {
        self.undo.clear();
        self.touched.clear();
    }

    /// Brings back the values of the last commit.
    pub fn rollback(&mut self) {
        for (key, old) in std::mem::take(&mut self.undo) {
            self.bytes -= self.values.get(&key).map_or(0, |value| value.len());
            match old {
                Some(old) => {
                    self.bytes += old.len();
                    self.values.insert(key, old);
                }
                None => {
                    self.values.remove(&key);
                }
            }
        }
        self.touched.clear();
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The bytes of all values.
    pub fn value_bytes(&self) -> usize {
        self.bytes
    }

    /// Every key, sorted: the order of a sweep, the same in every replay.
    pub fn sorted_keys(&self) -> Vec<K>
    where
        K: Ord,
    {
        self.sorted_keys_where(|_| true)
    }

    /// The keys of such values, sorted: of a sweep that few need, only these are.
    pub fn sorted_keys_where(&self, is_wanted: impl Fn(&[u8]) -> bool) -> Vec<K>
    where
        K: Ord,
    {
        let wanted = self.values.iter().filter(|(_, value)| is_wanted(value));
        let mut keys: Vec<K> = wanted.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Table<u64>) -> Vec<(u64, Vec<u8>)> {
        table.sorted_keys().into_iter().map(|key| (key, table.get(&key).unwrap_or_default().to_vec())).collect()
    }

    #[test]
    fn an_abort_brings_back_the_values_of_the_last_commit() {
        let mut table = Table::default();
        table.put(1, b"one");
        table.put(2, b"two");
        table.commit();
        let before = shown(&table);
        table.put(1, b"uno");
        table.put(1, b"eins");
        table.remove(&2);
        table.put(3, b"three");
        assert_eq!(table.value_bytes(), 9);
        table.rollback();
        assert_eq!(shown(&table), before);
        assert_eq!(table.value_bytes(), 6);
        assert_eq!(table.changes().count(), 0);
    }

    #[test]
    fn a_changelog_has_one_change_per_key() {
        let mut table = Table::default();
        table.put(7, b"a");
        table.commit();
        table.put(7, b"b");
        table.put(9, b"x");
        table.put(7, b"c");
        let changes: Vec<_> = table.changes().map(|(key, old, new)| (*key, old, new)).collect();
        assert_eq!(changes, [(7, Some(&b"a"[..]), Some(&b"c"[..])), (9, None, Some(&b"x"[..]))]);
    }
}
