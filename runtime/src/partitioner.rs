//! Into which partition a record goes: murmur2 as the Java client computes it, so that every producer of the same
//! topic agrees. It knows no topic.

use crate::stage::Placement;

/// murmur2 with the seed of the Java client.
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ bytes.len() as u32;
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        let mut word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        word ^= word >> R;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of a key among `partitions`; 0 where there is none or one.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    if partitions <= 1 { 0 } else { (murmur2(key) & 0x7fff_ffff) % partitions }
}

/// The partition that a placement means. A record without a key goes to partition 0, so that both logs agree.
pub fn place(placement: Placement, key: Option<&[u8]>, partitions: i32) -> i32 {
    match placement {
        Placement::Partition(partition) => partition,
        Placement::ByKey => key.map_or(0, |key| partition_of(key, partitions)),
        Placement::ByKeyPrefix(length) => key.map_or(0, |key| partition_of(&key[..length.min(key.len())], partitions)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_agrees_with_the_java_client() {
        let rows: [(&str, i32); 7] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ];
        for (key, hash) in rows {
            assert_eq!(murmur2(key.as_bytes()), hash, "murmur2 of {key:?}");
        }
    }

    #[test]
    fn households_of_one_village_share_a_partition() {
        let place_of = |code: &[u8]| place(Placement::ByKeyPrefix(12), Some(code), 64);
        assert_eq!(place_of(b"4201230011230001"), place_of(b"4201230011239999"));
        assert_eq!(place(Placement::ByKeyPrefix(12), Some(b"short"), 64), partition_of(b"short", 64));
        assert_eq!(place(Placement::Partition(5), None, 8), 5);
        assert_eq!(place(Placement::ByKey, None, 8), 0);
    }
}
