//! One address in front of a process per role, as an ingress is: sends a call on by the package in its path. With it
//! everything that knows one endpoint works on separate processes too.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use kernel::{Error, Reason};
use runtime::status::to_status;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::{Service as _, ServiceExt as _};

/// A path's beginning, and who answers it.
pub(crate) type Route = (&'static str, Channel);

/// A running front. Ends when it is dropped.
pub(crate) struct Front {
    /// `127.0.0.1:PORT`.
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Front {
    /// Starts one on a thread of its own, because the tests that share it each have a runtime that ends with them.
    /// `routes` is called on that thread: channels belong to the runtime they are made in.
    pub(crate) fn start(routes: impl FnOnce() -> Vec<Route> + Send + 'static) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                sender.send(listener.local_addr().unwrap()).unwrap();
                let serving = serve(listener, Arc::from(routes()));
                tokio::select! { () = serving => {}, () = stopped.cancelled() => {} }
            });
        });
        Self { address: receiver.recv().unwrap(), stop, thread: Some(thread) }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, routes: Arc<[Route]>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let routes = routes.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let routes = routes.clone();
                async move { forward(&routes, request).await }
            });
            let mut connection = auto::Builder::new(TokioExecutor::new());
            // More than the services take, so that it is they who refuse.
            connection.http2().max_header_list_size(1024 * 1024);
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn forward(
    routes: &[Route],
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Body>, Error> {
    let path = request.uri().path();
    // What belongs to nobody is for the first: it says so in the suite's own words.
    let (_, channel) = routes.iter().find(|(start, _)| path.starts_with(start)).unwrap_or(&routes[0]);
    let mut request = request.map(Body::new);
    // The services are called over HTTP/2 only, whatever came in.
    *request.version_mut() = http::Version::HTTP_2;
    request.headers_mut().remove("host");
    request.headers_mut().remove("connection");
    let mut channel = channel.clone();
    let answer = async { channel.ready().await?.call(request).await };
    match answer.await {
        Ok(response) => Ok(response),
        Err(error) => {
            let error =
                Error::new(Reason::DependencyUnavailable, "the front reaches no service").cause(error);
            Ok(to_status(&error).into_http())
        }
    }
}
