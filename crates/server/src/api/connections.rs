//! HTTP connections, with a bound on their number and on the time that a client may take to ask: one that says
//! nothing, or says it byte by byte, costs a place for some seconds and nobody else's answer.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once; one more is closed. With those of DICOM they stay below the usual 1024 descriptors.
const CONNECTIONS_MAX: usize = 512;
/// Time for a whole request head, from the connection or the answer before.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest request head, bytes.
const HEAD_SIZE_MAX: usize = 32 * 1024;
/// Pause after an accept that failed: most often there is no descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);
/// Time for the requests in hand after `stop`.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Serves `router` until `stop`, then lets the requests in hand end.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(HEAD_SIZE_MAX);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "accepting an HTTP connection failed");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(at_most = CONNECTIONS_MAX, "an HTTP connection was closed: too many are open");
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP connection ended early");
            }
            drop(place);
        });
    }
    if tokio::time::timeout(STOP_GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("HTTP requests were cut off at the stop");
    }
}
