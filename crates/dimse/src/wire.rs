//! One TCP connection as a sequence of PDUs: bounded reads, one write per PDU, the socket options that matter.

use crate::pdu::{self, PDU_HEADER_SIZE};
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much is asked of the socket at once: small PDUs share a system call, large ones need few.
const READ_SIZE: usize = 256 * 1024;
/// How long we wait for the peer to close after our last word.
const LINGER: Duration = Duration::from_secs(2);
/// How much of what the peer still sends is thrown away meanwhile.
const LINGER_SIZE_MAX: usize = 4 * 1024 * 1024;
/// Senders that count headers wrongly exceed the agreed length by a few bytes.
const PDU_SIZE_SLACK: u32 = 64;

/// A PDU without its header.
#[derive(Debug)]
pub(crate) struct RawPdu {
    pub(crate) kind: u8,
    pub(crate) body: Bytes,
}

/// Why no PDU came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("closed by the peer")]
    Closed,
    #[error("closed by the peer in the middle of a PDU")]
    Cut,
    #[error("PDU of type {kind} and {size} bytes, at most {size_max} are taken")]
    TooLong { kind: u8, size: u32, size_max: u32 },
    #[error("PDU of unknown type {0}")]
    UnknownType(u8),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("no PDU within {} ms", .0.as_millis())]
    TimedOut(Duration),
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    inbox: BytesMut,
}

impl Wire {
    /// Takes a connected socket and sets `TCP_NODELAY`: a response leaves at once.
    pub(crate) fn new(stream: TcpStream) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY not set");
        }
        Self { stream, inbox: BytesMut::new() }
    }

    /// The next PDU, at most `size_max` bytes long and complete within `timeout`. Cancel safe: what has
    /// arrived stays for the next call.
    pub(crate) async fn read_pdu(&mut self, size_max: u32, timeout: Duration) -> Result<RawPdu, WireError> {
        tokio::time::timeout(timeout, self.next_pdu(size_max))
            .await
            .unwrap_or(Err(WireError::TimedOut(timeout)))
    }

    async fn next_pdu(&mut self, size_max: u32) -> Result<RawPdu, WireError> {
        loop {
            if let Some((kind, size)) = self.header(size_max)?
                && self.inbox.len() >= PDU_HEADER_SIZE + size
            {
                self.inbox.advance(PDU_HEADER_SIZE);
                return Ok(RawPdu { kind, body: self.inbox.split_to(size).freeze() });
            }
            // Memory grows with what arrived, never with what a header claims.
            self.inbox.reserve(READ_SIZE);
            self.quickack();
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Err(if self.inbox.is_empty() { WireError::Closed } else { WireError::Cut });
            }
        }
    }

    /// Type and length of the PDU at the front, checked; none while the header is incomplete. The type is
    /// checked as soon as its byte is there, so that a peer of another protocol is answered at once.
    fn header(&self, size_max: u32) -> Result<Option<(u8, usize)>, WireError> {
        let Some(&kind) = self.inbox.first() else { return Ok(None) };
        if !(pdu::ASSOCIATE_RQ..=pdu::ABORT).contains(&kind) {
            return Err(WireError::UnknownType(kind));
        }
        let Some(&[_, _, l0, l1, l2, l3]) = self.inbox.first_chunk::<PDU_HEADER_SIZE>() else {
            return Ok(None);
        };
        let size = u32::from_be_bytes([l0, l1, l2, l3]);
        let too_long = || WireError::TooLong { kind, size, size_max };
        if size > size_max.saturating_add(PDU_SIZE_SLACK) {
            return Err(too_long());
        }
        Ok(Some((kind, usize::try_from(size).map_err(|_| too_long())?)))
    }

    /// Linux leaves quick-acknowledge mode by itself: it is asked for again before each read. Without it a
    /// sender under Nagle's algorithm waits for our delayed acknowledgement (STACK section 3).
    fn quickack(&self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = self.stream.set_quickack(true) {
            tracing::trace!(%error, "TCP_QUICKACK not set");
        }
    }

    /// Writes `bytes` (one PDU or several whole ones) in one go.
    pub(crate) async fn write(&mut self, bytes: &[u8], timeout: Duration) -> Result<(), WireError> {
        match tokio::time::timeout(timeout, self.stream.write_all(bytes)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(WireError::TimedOut(timeout)),
        }
    }

    /// Closes a connection on which nothing is under way.
    pub(crate) async fn close(mut self) {
        if let Err(error) = self.stream.shutdown().await {
            tracing::trace!(%error, "connection gone before its end");
        }
    }

    /// Says the last word and closes: what the peer still sends is read for a short while, because closing
    /// with unread bytes makes TCP throw away what we wrote last.
    pub(crate) async fn finish(mut self, last_word: &[u8]) {
        let ending = async {
            self.stream.write_all(last_word).await?;
            self.stream.shutdown().await?;
            let mut discarded = 0;
            while discarded < LINGER_SIZE_MAX {
                self.inbox.clear();
                self.inbox.reserve(READ_SIZE);
                match self.stream.read_buf(&mut self.inbox).await? {
                    0 => break,
                    count => discarded += count,
                }
            }
            Ok::<(), io::Error>(())
        };
        if let Ok(Err(error)) = tokio::time::timeout(LINGER, ending).await {
            tracing::trace!(%error, "connection gone before its end");
        }
    }
}
