//! The little that is read of bodies in Kubernetes' protobuf: its clients send core types so.

/// What begins such a body; an envelope (`runtime.Unknown`) follows.
const MAGIC: &[u8] = b"k8s\0";
/// The object in the envelope.
const RAW: u64 = 2;
/// The metadata of any object, and the name among them.
const METADATA: u64 = 1;
const NAME: u64 = 1;
/// `dryRun` of the options of a deletion.
const DRY_RUN: u64 = 5;

/// The object of a body, if it is such a one.
pub fn object(body: &[u8]) -> Option<&[u8]> {
    let envelope = body.strip_prefix(MAGIC)?;
    Fields(envelope).find(|it| it.0 == RAW).map(|it| it.1)
}

/// What an object is called; none if the server is to make a name.
pub fn name(object: &[u8]) -> Option<String> {
    let metadata = Fields(object).find(|it| it.0 == METADATA)?.1;
    let name = Fields(metadata).find(|it| it.0 == NAME)?.1;
    String::from_utf8(name.to_vec()).ok().filter(|it| !it.is_empty())
}

/// Whether the options of a deletion say that nothing goes.
pub fn is_dry_run(options: &[u8]) -> bool {
    Fields(options).any(|it| it.0 == DRY_RUN && it.1 == b"All")
}

/// The fields of a message that are texts, bytes or messages, with their numbers. All others are passed
/// over; what cannot be read is the end.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let tag = self.number()?;
            match tag & 7 {
                0 => drop(self.number()?),
                1 => drop(self.take(8)?),
                2 => {
                    let length = usize::try_from(self.number()?).ok()?;
                    return self.take(length).map(|it| (tag >> 3, it));
                }
                5 => drop(self.take(4)?),
                _ => return None,
            }
        }
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// Seven bits in each byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }
}
