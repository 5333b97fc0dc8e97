//! W3C trace context: taken from a caller's headers as the parent of the call's span, and passed back in
//! the answer, so that a caller finds the call in the notary's traces and log.

use std::task::{Context as TaskContext, Poll};

use futures::future::{BoxFuture, FutureExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header of the caller's trace, and of ours in the answer.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Bytes of a path that a span is named by; a caller may ask for any path.
const NAME_BYTES_MAX: usize = 100;

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            self.0.insert(name, value);
        }
    }
}

/// The caller's trace context; an empty one where there is none, or none that is valid. For gRPC
/// metadata: `remote_context(request.metadata().as_ref())`.
#[must_use]
pub fn remote_context(headers: &HeaderMap) -> Context {
    if headers.contains_key(TRACEPARENT) {
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers))
    } else {
        Context::new()
    }
}

/// A tower layer that puts every call into a span of its own, below the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallSpans;

/// What [`CallSpans`] makes of a service.
#[derive(Clone, Debug)]
pub struct CallSpan<S> {
    inner: S,
}

impl<S> Layer<S> for CallSpans {
    type Service = CallSpan<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CallSpan { inner }
    }
}

impl<S, B, R> Service<Request<B>> for CallSpan<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut TaskContext<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let caller = request.headers().get(TRACEPARENT).cloned();
        let span = call_span(&request);
        let answer = self.inner.call(request);
        let within = span.clone();
        async move {
            let mut answer = answer.await?;
            pass_back(&span, caller, &mut answer);
            Ok(answer)
        }
        .instrument(within)
        .boxed()
    }
}

fn call_span<B>(request: &Request<B>) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let name = path.get(..NAME_BYTES_MAX).unwrap_or(path);
    let name = if name.len() > NAME_BYTES_MAX { "" } else { name };
    let span = tracing::info_span!(
        "call",
        otel.name = name,
        otel.kind = "server",
        trace_id = field::Empty,
        rpc.grpc.status_code = field::Empty,
    );
    let parent = remote_context(request.headers());
    let trace = parent.span().span_context().clone();
    if trace.is_valid() {
        span.record("trace_id", field::display(trace.trace_id()));
        // Fails only where nothing is exported, and then there is no parent to keep.
        let _unexported = span.set_parent(parent);
    }
    span
}

/// The span's own context where it is exported, else the caller's, unchanged.
fn pass_back<R>(span: &Span, caller: Option<HeaderValue>, answer: &mut Response<R>) {
    if let Some(status) = answer
        .headers()
        .get("grpc-status")
        .and_then(|status| status.to_str().ok())
    {
        span.record("rpc.grpc.status_code", status);
    }
    let context = span.context();
    if context.span().span_context().is_valid() {
        TraceContextPropagator::new().inject_context(&context, &mut HeadersMut(answer.headers_mut()));
    } else if let Some(caller) = caller {
        answer.headers_mut().insert(TRACEPARENT, caller);
    }
}
