//! Accept connections, give each association its own task, stop in good order.

use crate::admission::{Admission, Kind, Ticket};
use crate::association::{AbstractSyntax, Implementation, Offer, OtherStorage};
use crate::error::DimseError;
use crate::handshake::{self, Tally};
use crate::limits::ScpLimits;
use crate::policy::AssociationPolicy;

use crate::store_scp::{AssociationEnd, AssociationEnded, StoreService};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use uuid::Uuid;

/// First and longest wait after a failed accept (no file descriptors left, most often).
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// PS3.8 allows any maximum length; below this a command set needs several PDUs.
const PDU_SIZE_RANGE: std::ops::RangeInclusive<u32> = 4_096..=1_048_576;

/// What the receiver is and takes.
#[derive(Debug, Clone)]
pub struct ScpSettings {
    /// Where to listen; port 0: any free port, see [`Scp::local_addr`].
    pub listen: SocketAddr,
    /// SOP classes that are taken (verification always is).
    pub abstract_syntaxes: Vec<AbstractSyntax>,
    /// Storage classes that are not on that list.
    pub other_storage: OtherStorage,
    /// Transfer syntaxes, the preferred first. The first one that the peer proposes too is chosen.
    pub transfer_syntaxes: Vec<String>,
    /// How we name ourselves.
    pub implementation: Implementation,
    /// Bounds.
    pub limits: ScpLimits,
}

impl ScpSettings {
    fn check(&self) -> Result<(), DimseError> {
        let settings = |text: String| Err(DimseError::Settings(text));
        if !PDU_SIZE_RANGE.contains(&self.limits.pdu_size_max) {
            return settings(format!(
                "pdu_size_max {} is outside {} to {}",
                self.limits.pdu_size_max,
                PDU_SIZE_RANGE.start(),
                PDU_SIZE_RANGE.end()
            ));
        }
        if self.transfer_syntaxes.is_empty() {
            return settings("no transfer syntax is accepted; list at least 1.2.840.10008.1.2".to_owned());
        }
        let version_size = self.implementation.version_name.len();
        if version_size == 0 || version_size > 16 {
            return settings(format!(
                "implementation version name {:?} must have 1 to 16 characters",
                self.implementation.version_name
            ));
        }
        Ok(())
    }

    pub(crate) fn offer(&self) -> Offer<'_> {
        Offer {
            abstract_syntaxes: &self.abstract_syntaxes,
            other_storage: self.other_storage,
            transfer_syntaxes: &self.transfer_syntaxes,
        }
    }
}

/// A bound listener.
#[derive(Debug)]
pub struct Scp {
    listener: TcpListener,
    local_addr: SocketAddr,
    settings: ScpSettings,
}

/// What all associations of one receiver share.
pub(crate) struct Shared<S, P> {
    pub(crate) settings: ScpSettings,
    pub(crate) service: Arc<S>,
    pub(crate) policy: Arc<P>,
    pub(crate) admission: Arc<Admission>,
    /// No new message is begun.
    pub(crate) stop: CancellationToken,
    /// The grace is over.
    kill: CancellationToken,
    /// Everything that must end before [`Scp::serve`] returns, last words included.
    pub(crate) tasks: TaskTracker,
}

impl Scp {
    /// Checks the settings and binds the address.
    ///
    /// # Errors
    /// [`DimseError`] when a setting is out of range or the address is taken.
    pub async fn bind(settings: ScpSettings) -> Result<Self, DimseError> {
        settings.check()?;
        let listen = settings.listen;
        let bind_error = |source| DimseError::Bind { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(bind_error)?;
        let local_addr = listener.local_addr().map_err(bind_error)?;
        Ok(Self { listener, local_addr, settings })
    }

    /// The address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Accepts associations until `cancel`; then finishes the instances in hand (within
    /// [`ScpLimits::stop_grace`]), aborts what is left and returns.
    pub async fn serve<S: StoreService, P: AssociationPolicy>(
        self,
        service: Arc<S>,
        policy: Arc<P>,
        cancel: CancellationToken,
    ) {
        let grace = self.settings.limits.stop_grace;
        let shared = Arc::new(Shared {
            admission: Arc::new(Admission::new(self.settings.limits.clone())),
            settings: self.settings,
            service,
            policy,
            stop: cancel.clone(),
            kill: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let mut wait = BACK_OFF.0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    wait = BACK_OFF.0;
                    shared.tasks.spawn(connection(Arc::clone(&shared), stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, wait_ms = wait.as_millis(), "accepting a DICOM connection failed");
                    tokio::select! {
                        () = cancel.cancelled() => break,
                        () = tokio::time::sleep(wait) => {}
                    }
                    wait = (wait * 2).min(BACK_OFF.1);
                }
            }
        }
        drop(self.listener);
        shared.tasks.close();
        if tokio::time::timeout(grace, shared.tasks.wait()).await.is_err() {
            shared.kill.cancel();
            shared.tasks.wait().await;
        }
    }
}

/// One connection from accept to its report. The session runs in a task of its own: a panic ends only it.
async fn connection<S: StoreService, P: AssociationPolicy>(
    shared: Arc<Shared<S, P>>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let begun = Instant::now();
    let tally = Arc::new(Tally::new(Uuid::now_v7(), peer));
    let end = match shared.admission.enter(peer.ip(), Kind::Handshake) {
        None => {
            drop(stream);
            AssociationEnd::TooManyConnections
        }
        Some(ticket) => run_session(&shared, stream, &tally, ticket).await,
    };
    report(&shared, &tally, end, begun.elapsed()).await;
}

async fn run_session<S: StoreService, P: AssociationPolicy>(
    shared: &Arc<Shared<S, P>>,
    stream: TcpStream,
    tally: &Arc<Tally>,
    ticket: Ticket,
) -> AssociationEnd {
    let session = handshake::run(Arc::clone(shared), stream, Arc::clone(tally), ticket);
    let mut task = AbortOnDropHandle::new(tokio::spawn(session));
    tokio::select! {
        biased;
        joined = &mut task => joined.unwrap_or_else(|error| {
            tracing::error!(association_id = %tally.association_id, %error, "association task failed");
            AssociationEnd::Failed
        }),
        () = shared.kill.cancelled() => AssociationEnd::Stopped,
    }
}

async fn report<S: StoreService, P>(
    shared: &Shared<S, P>,
    tally: &Tally,
    end: AssociationEnd,
    duration: Duration,
) {
    let ended: AssociationEnded = tally.ended(end, duration);
    let (calling, called) = (ended.calling.escape_debug(), ended.called.escape_debug());
    // A probe that opens and closes the port is not worth an administrator's time.
    let is_probe = ended.calling.is_empty() && matches!(ended.end, AssociationEnd::ConnectionLost { .. });
    let is_orderly = matches!(ended.end, AssociationEnd::Released | AssociationEnd::Stopped);
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                association_id = %ended.association_id, %calling, %called, peer = %ended.peer,
                stored = ended.instances_count_stored, failed = ended.instances_count_failed,
                duration_ms = duration.as_millis(), "association ended: {}", ended.end
            )
        };
    }
    match (is_probe, is_orderly) {
        (true, _) => log!(debug),
        (false, true) => log!(info),
        (false, false) => log!(warn),
    }
    shared.service.association_ended(&ended).await;
}
