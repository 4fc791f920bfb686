//! Every bound on what a peer can make grow: connections, sizes, time.

use std::time::Duration;

/// Limits of the receiver. All are checked before memory is taken.
///
/// Sizes are bytes. The defaults are what the conformance statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScpLimits {
    /// Associations open at once; one more is rejected as transient, local limit exceeded (2, 3, 2).
    pub associations_max: usize,
    /// Associations open at once from one IP address.
    pub associations_per_peer_max: usize,
    /// Associations that propose nothing but verification, over and above `associations_max`: a C-ECHO is
    /// answered although the house is full.
    pub verifications_max: usize,
    /// Connections that have not sent their A-ASSOCIATE-RQ yet; one more is closed at once.
    pub handshakes_max: usize,
    /// The same from one IP address.
    pub handshakes_per_peer_max: usize,
    /// Longest P-DATA-TF that we are ready to take (PS3.8 D.1, maximum length received).
    pub pdu_size_max: u32,
    /// Longest A-ASSOCIATE-RQ.
    pub association_request_size_max: u32,
    /// Presentation contexts in a request (PS3.8 allows 128: odd ids of one byte).
    pub contexts_count_max: usize,
    /// Longest command set.
    pub command_size_max: usize,
    /// Longest data set that is handed to a sink; a longer one is read to its end and answered A700.
    pub object_size_max: u64,
    /// How much of a refused data set is read and thrown away before the association is aborted instead.
    pub drain_size_max: u64,
    /// Operations that one association may have open at once when its requestor asks for more than one
    /// (asynchronous operations window, PS3.7 D.3.3.3): instances are made durable while the next ones arrive.
    pub operations_max: u16,
    /// Time for one PDU to arrive, from the moment we wait for it.
    pub idle_timeout: Duration,
    /// ARTIM timer (PS3.8 9.1.5): time for the A-ASSOCIATE-RQ after connect.
    pub artim_timeout: Duration,
    /// Whole life of an association.
    pub association_time_max: Duration,
    /// Time for the peer to take one PDU of ours.
    pub write_timeout: Duration,
    /// On stop: time to finish the instances in hand.
    pub stop_grace: Duration,
}

impl Default for ScpLimits {
    fn default() -> Self {
        Self {
            associations_max: 64,
            associations_per_peer_max: 48,
            verifications_max: 16,
            handshakes_max: 256,
            handshakes_per_peer_max: 128,
            pdu_size_max: 131_072,
            association_request_size_max: 256 * 1024,
            contexts_count_max: 128,
            command_size_max: 64 * 1024,
            object_size_max: 2 * 1024 * 1024 * 1024,
            drain_size_max: 4 * 1024 * 1024 * 1024,
            operations_max: 16,
            idle_timeout: Duration::from_secs(60),
            artim_timeout: Duration::from_secs(30),
            association_time_max: Duration::from_secs(4 * 3600),
            write_timeout: Duration::from_secs(30),
            stop_grace: Duration::from_secs(20),
        }
    }
}
