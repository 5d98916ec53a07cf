//! Use case: a user registers a passkey.

use kernel::{CeremonyId, DeviceId, Error, FactorKind, ProofId, RequestId, Result, Scope};

use super::Opened;
use crate::devices::Shown;
use crate::domain::proof::{activation_purpose, passkey_answer};
use crate::domain::{Attempt, Ceremony, CeremonyKind, Challenge, DisplayName, Proof, UserHandle, ceremony};
use crate::payment::Ticket;
use crate::ports::{Born, PasskeyBirth, RegistrationWanted};
use crate::refusal;
use crate::service::{Caller, Service};

const KIND: FactorKind = FactorKind::Passkey;

impl Service {
    /// Begins the registration of a passkey. What it takes is as for a TOTP device ([`Service::register`]). A receipt is
    /// spent here, and used up by the registration; until then it may begin anew.
    ///
    /// Refused with `RELYING_PARTY_MISSING`, `FACTOR_LIMIT_REACHED`, `SESSION_TOO_OLD`, `RECEIPT_MISSING` and its kin, or
    /// `OVERLOADED`.
    pub(crate) async fn begin_passkey(
        &self,
        caller: &Caller,
        display_name: DisplayName,
        ticket: Option<&Ticket>,
    ) -> Result<Opened> {
        let owner = caller.owner;
        let party = self.party(owner.environment).await?;
        let holdings = self.store.holdings(owner).await?;
        if holdings.count(KIND) >= caller.max_passkeys {
            return Err(refusal::too_many_factors(KIND, caller.max_passkeys));
        }
        let (_, exclude) = self.credentials(owner, &party).await?;
        let nonce = self.nonce();
        let user = owner.user.to_string();
        let begun = self.authenticators.begin_registration(
            &party,
            RegistrationWanted {
                handle: UserHandle::of(owner),
                name: &user,
                exclude: &exclude,
                challenge: Challenge::of_registration(nonce, owner),
            },
        )?;
        let device = DeviceId::random(self.entropy.as_ref());
        let payment = self.entitle(caller, &holdings, KIND, ticket, device).await?;
        caller.trail.resource(owner.device_name(device)).await;
        let generation = holdings.generation;
        let ceremony = Ceremony {
            id: CeremonyId::from_uuid(device.uuid()),
            owner,
            session: caller.session.clone(),
            kind: CeremonyKind::Registration { device, display_name, payment, generation },
            nonce,
            state: begun.state,
            expires: caller.at.plus(ceremony::LIFE),
        };
        self.open(ceremony, begun.options_json, caller.at).await
    }

    /// Makes the passkey of an authenticator's answer a factor, and uses up the ceremony whatever comes of it.
    ///
    /// Refused with `CEREMONY_UNKNOWN`, `PASSKEY_REJECTED`, `FACTOR_LIMIT_REACHED`, `RECEIPT_MISSING` when another first
    /// factor came first, and `ATTEMPT_UNKNOWN` when the receipt began another ceremony since.
    pub(crate) async fn finish_passkey(
        &self,
        caller: &Caller,
        id: CeremonyId,
        credential_json: &str,
    ) -> Result<Shown> {
        let owner = caller.owner;
        let party = self.party(owner.environment).await?;
        // The ceremony is called like its device, so that the trail names that before the ceremony is used up.
        caller.trail.resource(owner.device_name(DeviceId::from_uuid(id.uuid()))).await;
        caller.trail.intend().await?;
        let Some(ceremony) = self.ceremonies.take(owner, id, caller.at).await? else {
            caller.trail.untouched().await;
            return Err(refusal::ceremony_unknown());
        };
        if !ceremony.is_for(&caller.session, caller.at) {
            return Err(refusal::ceremony_unknown());
        }
        let CeremonyKind::Registration { device, display_name, payment, generation } = ceremony.kind else {
            return Err(refusal::ceremony_unknown());
        };
        let passkey = self.authenticators.finish_registration(&party, &ceremony.state, credential_json)?;
        let proof = Proof {
            id: ProofId::random(self.entropy.as_ref()),
            device,
            kind: KIND,
            at: caller.at,
            attempt: Attempt {
                // Of nobody's choice: there is no answer to ask for again.
                request: RequestId::random(self.entropy.as_ref()),
                session: caller.session.clone(),
                purpose: activation_purpose(device),
            },
            answer: passkey_answer(id, credential_json),
            grant: true,
        };
        let max_passkeys = caller.max_passkeys;
        let birth = PasskeyBirth {
            id: device,
            display_name,
            payment,
            generation,
            rp_id: party.id,
            passkey,
            max_passkeys,
            proof,
        };
        match self.passkeys.register_passkey(owner, &birth).await? {
            // What the answer shows is read, because it may be the default now.
            Born::Factor => self.find(caller, device).await?.ok_or_else(Error::not_found),
            Born::TooManyPasskeys => Err(refusal::too_many_factors(KIND, max_passkeys)),
            Born::NotFirst => Err(refusal::receipt_missing(Scope::CredentialLink)),
            Born::Over => Err(refusal::ceremony_unknown()),
            Born::Taken => Err(refusal::passkey_rejected("its credential id is another passkey's")),
        }
    }
}
