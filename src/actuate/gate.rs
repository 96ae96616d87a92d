//! The last moment before a write leaves this host.
//!
//! ```text
//!  sign ──▶ read_before_transmit ──▶ connect, TLS ──▶ body is polled ──▶ bytes in the socket
//!                  │ proof?                                │ proof?
//!                  └──────────────▶ dropped ◀──────────────┘
//! ```
//!
//! A proof of leadership is checked twice: after signing, which drops most of what is too late
//! before a connection is even opened, and once more when the connection polls the request's body.
//! That is the truly last moment: the connection has written the head into its own buffer by then
//! but flushed nothing, and no service executes a request whose body never came.
//!
//! Invariant: a call that ends with its gate still [waiting](Passage::NeverHanded) was never handed
//! to a socket and never will be: ending shuts the gate.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::ports::Proof;

/// Still to be passed.
const WAITING: u8 = 0;
/// Bytes went, or may have gone, to a socket.
const HANDED: u8 = 1;
/// The proof no longer held: dropped.
const LAPSED: u8 = 2;
/// The call ended before its request was handed over: nothing may pass any more.
const SHUT: u8 = 3;

/// Why a request was dropped on this side.
#[derive(Debug, thiserror::Error)]
pub(super) enum Dropped {
    #[error("the proof of leadership no longer held")]
    ProofLapsed,
    #[error("the call had ended before the request was handed to the socket")]
    CallEnded,
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Its bytes were handed to a socket, or may have been.
    Handed,
    /// Dropped here, because the proof no longer held.
    Lapsed,
    /// Certainly not handed to a socket, for some other reason.
    NeverHanded,
}

/// The gate of one mutating call.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    proof: Proof,
    state: Arc<AtomicU8>,
}

impl Gate {
    /// A gate that lets one request pass while `proof` holds.
    pub(super) fn new(proof: &Proof) -> Self {
        Self {
            proof: proof.clone(),
            state: Arc::new(AtomicU8::new(WAITING)),
        }
    }

    /// Asked right before bytes are handed to the socket.
    pub(super) fn pass(&self) -> Result<(), Dropped> {
        if self.state.load(Ordering::SeqCst) == HANDED {
            return Ok(());
        }
        self.check()?;
        match self.advance(HANDED) {
            Ok(_) | Err(HANDED) => Ok(()),
            Err(LAPSED) => Err(Dropped::ProofLapsed),
            Err(_) => Err(Dropped::CallEnded),
        }
    }

    /// Asked earlier, to drop what is already too late.
    fn check(&self) -> Result<(), Dropped> {
        if self.proof.holds() {
            return Ok(());
        }
        // An error means that it was settled already, and stays so.
        let _ = self.advance(LAPSED);
        Err(Dropped::ProofLapsed)
    }

    /// Ends the call: shuts the gate and says how far the request came.
    pub(super) fn end(&self) -> Passage {
        match self.advance(SHUT) {
            Ok(_) | Err(SHUT) => Passage::NeverHanded,
            Err(LAPSED) => Passage::Lapsed,
            Err(_) => Passage::Handed,
        }
    }

    fn advance(&self, to: u8) -> Result<u8, u8> {
        self.state
            .compare_exchange(WAITING, to, Ordering::SeqCst, Ordering::SeqCst)
    }
}

impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "LeadershipProof"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = std::mem::replace(context.request_mut().body_mut(), SdkBody::taken());
        if body.content_length() == Some(0) {
            // An empty body is never polled: from here on it may be handed over unseen.
            *context.request_mut().body_mut() = body;
            return Ok(self.pass()?);
        }
        *context.request_mut().body_mut() = SdkBody::from_body_1_x(GatedBody {
            inner: Box::pin(body),
            gate: self.clone(),
        });
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Ok(self.check()?)
    }
}

/// A request body that asks the gate when the connection first polls it.
struct GatedBody {
    inner: Pin<Box<SdkBody>>,
    gate: Gate,
}

impl Body for GatedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Err(dropped) = self.gate.pass() {
            return Poll::Ready(Some(Err(dropped.into())));
        }
        Body::poll_frame(self.inner.as_mut(), cx)
    }

    fn is_end_stream(&self) -> bool {
        Body::is_end_stream(&*self.inner)
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&*self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn what_has_passed_stays_passed() {
        let holds = Arc::new(AtomicBool::new(true));
        let seen = holds.clone();
        let gate = Gate::new(&Proof::new(move || seen.load(Ordering::SeqCst)));
        assert!(gate.pass().is_ok());
        holds.store(false, Ordering::SeqCst);
        assert!(
            gate.pass().is_ok(),
            "half a request is worse than a whole one"
        );
        assert_eq!(gate.end(), Passage::Handed);
    }

    #[test]
    fn a_lapsed_proof_lets_nothing_pass_even_if_it_holds_again() {
        let holds = Arc::new(AtomicBool::new(false));
        let seen = holds.clone();
        let gate = Gate::new(&Proof::new(move || seen.load(Ordering::SeqCst)));
        assert!(gate.pass().is_err());
        holds.store(true, Ordering::SeqCst);
        assert!(gate.pass().is_err());
        assert_eq!(gate.end(), Passage::Lapsed);
    }

    #[test]
    fn ending_shuts_the_gate() {
        let gate = Gate::new(&Proof::new(|| true));
        assert_eq!(gate.end(), Passage::NeverHanded);
        assert!(matches!(gate.pass(), Err(Dropped::CallEnded)));
        assert_eq!(gate.end(), Passage::NeverHanded);
    }
}
