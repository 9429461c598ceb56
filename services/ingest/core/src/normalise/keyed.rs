//! HMAC-SHA256 with a fixed key, over SHA-256's compression function: key and text of a short hash take a handful of
//! blocks, and half of what the usual interface costs for them is the copying of its buffers. It does not know what is
//! hashed.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// Bytes of a block.
const BLOCK_BYTES: usize = 64;
/// What SHA-256 begins with (FIPS 180-4, 5.3.3).
const BEGIN: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A key, as the states of the inner and the outer hash after its block.
#[derive(Clone)]
pub(super) struct Keyed {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Keyed {
    /// With a key of any length.
    pub(super) fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK_BYTES];
        if key.len() > BLOCK_BYTES {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let after = |pad: u8| {
            let mut state = BEGIN;
            compress256(&mut state, &[block.map(|byte| byte ^ pad)]);
            state
        };
        Self { inner: after(0x36), outer: after(0x5c) }
    }

    /// The hash of these parts, one after the other.
    pub(super) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut message = Message { state: self.inner, bytes: BLOCK_BYTES, block: [0; BLOCK_BYTES] };
        for part in parts {
            message.add(part);
        }
        let inner = message.end();
        let mut message = Message { state: self.outer, bytes: BLOCK_BYTES, block: [0; BLOCK_BYTES] };
        message.add(&inner);
        message.end()
    }
}

/// A message on its way through SHA-256.
struct Message {
    state: [u32; 8],
    /// How many bytes it has so far.
    bytes: usize,
    /// The bytes that fill no block yet.
    block: [u8; BLOCK_BYTES],
}

impl Message {
    fn add(&mut self, mut part: &[u8]) {
        let filled = self.bytes % BLOCK_BYTES;
        self.bytes += part.len();
        if filled > 0 {
            let (head, rest) = part.split_at(part.len().min(BLOCK_BYTES - filled));
            self.block[filled..filled + head.len()].copy_from_slice(head);
            if filled + head.len() < BLOCK_BYTES {
                return;
            }
            compress256(&mut self.state, &[self.block]);
            part = rest;
        }
        let (blocks, rest) = part.as_chunks();
        if !blocks.is_empty() {
            compress256(&mut self.state, blocks);
        }
        self.block[..rest.len()].copy_from_slice(rest);
    }

    /// The hash: after the message come a bit, zeros, and its length in bits in the last 8 bytes of a block.
    fn end(mut self) -> [u8; 32] {
        let filled = self.bytes % BLOCK_BYTES;
        self.block[filled] = 0x80;
        self.block[filled + 1..].fill(0);
        if filled + 1 > BLOCK_BYTES - 8 {
            compress256(&mut self.state, &[self.block]);
            self.block.fill(0);
        }
        self.block[BLOCK_BYTES - 8..].copy_from_slice(&(self.bytes as u64 * 8).to_be_bytes());
        compress256(&mut self.state, &[self.block]);
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};

    use super::*;

    #[test]
    fn it_is_hmac_sha256_for_every_length_of_key_and_text() {
        let text: Vec<u8> = (0..300_u32).map(|at| (at * 7 + 3) as u8).collect();
        for key_bytes in [0, 1, 31, 32, 33, 63, 64, 65, 100] {
            let key = &text[..key_bytes];
            let keyed = Keyed::new(key);
            for bytes in 0..text.len() {
                let (whole, cut) = (&text[..bytes], bytes * 2 / 5);
                let usual: Hmac<Sha256> = Hmac::new_from_slice(key).expect("a key of any length");
                let expected: [u8; 32] = usual.chain_update(whole).finalize().into_bytes().into();
                assert_eq!(keyed.hash(&[whole]), expected, "{key_bytes} {bytes}");
                assert_eq!(keyed.hash(&[&whole[..cut], &[], &whole[cut..]]), expected, "{key_bytes} {bytes} in parts");
            }
        }
    }
}
