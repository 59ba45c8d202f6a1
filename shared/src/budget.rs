//! Budgets: uses are counted at the table before they happen, so that no race overspends one.
//!
//! A customer's message and turn are counted in the transaction that writes them ([`CustomerUse`]), and the thread
//! keeps what is counted ahead. Of the accounts of chatbots and tenants, which many write to, a process counts ahead in
//! small blocks ([`Shares`]), so that most turns need no call for them. A process that dies leaves its blocks counted
//! until the window ends; its turn is in the thread, where the next run finds it.

mod account;
mod customer_use;
mod shares;

use crate::{
    App, Error,
    domain::{
        Chatbot, ChatbotId, Identity,
        budget::{Budget, BudgetAccount, ChatbotLimits, Exceeded, Limits, ReservedTurn, Side, Use, difference},
    },
    metrics::Metric,
};
use shares::{AccountId, Part};

pub use customer_use::CustomerUse;
pub use shares::{Budgets, Shares, TurnBudget};

/// The tokens of a reply that are reserved where nothing limits it.
const UNLIMITED_OUTPUT_TOKENS: u64 = 8_192;

impl App {
    /// [`Error::OverBudget`] where this process knows that the customer's messages of this minute are used up: a flood
    /// of them costs no call.
    pub fn check_messages(&self, identity: &Identity) -> Result<(), Error> {
        let id = AccountId::of_customer(&identity.tenant, &identity.subject);
        let now = self.now();
        if identity.is_staff() || !self.budgets.is_full(&id, now) {
            return Ok(());
        }
        self.record(Metric::OverBudget);
        let side = Side::of_customer(&identity.subject);
        Err(Exceeded::of(side, Budget::MessagesPerMinute, self.budgets.settings.of(side), now).error())
    }

    /// A turn's shares from what this process has counted ahead. `None` where it has too little, or has not read the
    /// chatbot yet.
    pub fn shares_at_hand(&self, tenant: &str, chatbot: &ChatbotId) -> Option<Shares> {
        let known = self.chatbot_cache.get(tenant, chatbot)?;
        let now = self.now();
        let mut shares = Shares::default();
        for (id, _, limits) in self.shared_accounts(tenant, chatbot, known.limits) {
            let (uses, tokens) = self.turn_uses(limits);
            if uses.is_empty() {
                continue;
            }
            let is_taken = self.budgets.with(&id, now, |account| {
                let short = account.take(&uses);
                if !short.is_empty() {
                    account.put_back(&uses, &short, now);
                }
                short.is_empty()
            });
            if !is_taken {
                self.put_back(shares);
                return None;
            }
            shares = shares.and(Shares::of(id, limits, tokens, now));
        }
        Some(shares)
    }

    /// Reserves a turn's shares: the tenant's, and the chatbot's by the limits that were last read of it. The chatbot
    /// is left out where this process has not read it yet.
    pub async fn reserve_ahead(&self, tenant: &str, chatbot: &ChatbotId) -> Result<TurnBudget, Error> {
        let known = self.chatbot_cache.get(tenant, chatbot).map(|known| known.limits);
        let [of_chatbot, of_tenant] = self.shared_accounts(tenant, chatbot, known.unwrap_or_default());
        let of_chatbot = async {
            match known {
                Some(_) => self.reserve(of_chatbot).await,
                None => Ok(Ok(Shares::default())),
            }
        };
        let (chatbot, tenant) = tokio::join!(of_chatbot, self.reserve(of_tenant));
        match (chatbot, tenant) {
            (Ok(Ok(chatbot)), Ok(Ok(tenant))) => Ok(Ok(tenant.and(chatbot))),
            (Ok(Ok(shares)), none) | (none, Ok(Ok(shares))) => {
                self.put_back(shares);
                none
            }
            (none, _) => none,
        }
    }

    /// Adds the chatbot's share, unless it is there.
    pub async fn reserve_with_chatbot(&self, shares: TurnBudget, chatbot: &Chatbot) -> Result<TurnBudget, Error> {
        let Ok(shares) = shares else { return Ok(shares) };
        let [of_chatbot, _] = self.shared_accounts(&chatbot.tenant, &chatbot.id, chatbot.config.limits);
        if shares.parts.iter().any(|part| part.id == of_chatbot.0) {
            return Ok(Ok(shares));
        }
        match self.reserve(of_chatbot).await {
            Ok(Ok(of_chatbot)) => Ok(Ok(shares.and(of_chatbot))),
            none => {
                self.put_back(shares);
                none
            }
        }
    }

    /// The shares of a dead run's turn, for the run that takes over and has begun.
    pub fn inherited_shares(&self, chatbot: &Chatbot, turn: &ReservedTurn) -> Shares {
        let accounts = self.shared_accounts(&chatbot.tenant, &chatbot.id, chatbot.config.limits);
        let tokens = [turn.shared.chatbot, turn.shared.tenant];
        let parts = accounts.into_iter().zip(tokens).filter(|(_, tokens)| *tokens > 0);
        let shares = parts.map(|((id, _, limits), tokens)| Shares::of(id, limits, tokens, turn.at));
        Shares { is_inherited: true, ..shares.fold(Shares::default(), Shares::and) }
    }

    /// Puts shares back that this process has counted for a turn which there is not.
    pub fn put_back(&self, shares: Shares) {
        for Part { id, limits, tokens, at } in shares.parts.into_iter().filter(|_| !shares.is_inherited) {
            self.budgets.with(&id, at, |account| account.give_back(tokens, at, limits));
        }
    }

    /// Gives the shares of a turn back whose run lost the line and died: nobody goes on with it. A failure is logged
    /// only: they stay counted.
    pub async fn give_back_lost(&self, tenant: &str, chatbot: &ChatbotId, turn: &ReservedTurn) {
        let accounts = [
            (BudgetAccount::Chatbot(chatbot.clone()), turn.shared.chatbot),
            (BudgetAccount::Tenant, turn.shared.tenant),
        ];
        for (account, tokens) in accounts.into_iter().filter(|(_, tokens)| *tokens > 0) {
            let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
            if let Err(error) = self.store.budget_settle(tenant, &account, -tokens, turn.at).await {
                tracing::warn!(%error, "the tokens of a lost turn could not be given back");
            }
        }
    }

    /// Corrects the tokens of a turn's shares to those that it took; without a count of them all count as used. A
    /// failure is logged only: the reply is saved.
    pub async fn settle(&self, shares: Shares, taken: Option<u64>) {
        let (Some(taken), now) = (taken, self.now()) else { return };
        for part in shares.parts {
            if part.limits.of(Budget::TokensPerDay) == 0 {
                continue;
            }
            let owed =
                self.budgets.with(&part.id, now, |account| account.settle(part.tokens, taken, part.at, part.limits));
            let Some(tokens) = owed else { continue };
            let settled = self.store.budget_settle(&part.id.tenant, &part.id.account, tokens, now).await;
            if let Err(error) = settled {
                tracing::warn!(%error, "the tokens of a turn could not be settled");
                // It may have been done. Tokens that were not used stay counted; those that are owed are counted again.
                let owed = tokens.max(0);
                self.budgets.with(&part.id, now, |account| account.add(Budget::TokensPerDay, -owed, part.at));
            }
        }
    }

    /// Counts the creation of a thread. [`Error::OverBudget`] where it is too much for the customer, the chatbot or the
    /// tenant.
    pub async fn admit_thread(&self, identity: &Identity, chatbot: &Chatbot) -> Result<(), Error> {
        let limits = chatbot.config.limits.over(self.budgets.settings.chatbot);
        self.admit_as_customer(identity, Budget::ThreadsPerHour).await?;
        self.admit_to(identity, &chatbot.id, limits, Budget::ThreadsPerHour).await
    }

    /// The same of a request for a person.
    pub async fn admit_escalation(&self, identity: &Identity, chatbot: &ChatbotId) -> Result<(), Error> {
        if identity.is_staff() {
            return Ok(());
        }
        self.admit_as_customer(identity, Budget::EscalationsPerHour).await?;
        let (limits, _) = self.chatbot_limits(&identity.tenant, chatbot).await;
        self.admit_to(identity, chatbot, limits, Budget::EscalationsPerHour).await
    }

    /// The same of a message to a chatbot; the customer's own budget is counted as it is written. Returns the chatbot,
    /// if its limits had to be read.
    pub async fn admit_message_to(&self, identity: &Identity, chatbot: &ChatbotId) -> Result<Option<Chatbot>, Error> {
        if identity.is_staff() {
            return Ok(None);
        }
        let (limits, read) = self.chatbot_limits(&identity.tenant, chatbot).await;
        self.admit_to(identity, chatbot, limits, Budget::MessagesPerMinute).await?;
        Ok(read)
    }

    /// The limits of a chatbot, as they were in the last five minutes; with the chatbot, if it had to be read. Of one
    /// that cannot be read, the deployment's: a message is posted all the same.
    async fn chatbot_limits(&self, tenant: &str, id: &ChatbotId) -> (Limits, Option<Chatbot>) {
        let unset = self.budgets.settings.chatbot;
        if let Some(known) = self.chatbot_cache.recent(tenant, id, self.now()) {
            return (known.limits.over(unset), None);
        }
        let read = self.chatbot_of(tenant, id).await.unwrap_or_else(|error| {
            tracing::warn!(%error, chatbot.id = %id, "a chatbot's limits could not be read");
            None
        });
        (read.as_ref().map_or(unset, |chatbot| chatbot.config.limits.over(unset)), read)
    }

    async fn admit_as_customer(&self, identity: &Identity, budget: Budget) -> Result<(), Error> {
        let side = Side::of_customer(&identity.subject);
        let account = BudgetAccount::Customer(identity.subject.clone());
        self.admit(identity, account, side, self.budgets.settings.of(side), budget).await
    }

    async fn admit_to(
        &self,
        identity: &Identity,
        chatbot: &ChatbotId,
        limits: Limits,
        budget: Budget,
    ) -> Result<(), Error> {
        self.admit(identity, BudgetAccount::Chatbot(chatbot.clone()), Side::Chatbot, limits, budget).await?;
        self.admit(identity, BudgetAccount::Tenant, Side::Tenant, self.budgets.settings.tenant, budget).await
    }

    /// Counts a use by a customer; agents and admins have no budgets.
    async fn admit(
        &self,
        identity: &Identity,
        account: BudgetAccount,
        side: Side,
        limits: Limits,
        budget: Budget,
    ) -> Result<(), Error> {
        if identity.is_staff() {
            return Ok(());
        }
        let uses = limits.uses(&[(budget, 1)]);
        if uses.is_empty() {
            return Ok(());
        }
        let id = AccountId { tenant: identity.tenant.clone(), account };
        let admitted = self.use_budget(&id, side, limits, &uses).await?;
        admitted.map_err(|exceeded| {
            self.record(Metric::OverBudget);
            exceeded.error()
        })
    }

    /// The tokens that a turn may take: of the log, and of the reply.
    fn max_turn_tokens(&self) -> u64 {
        let output = match self.budgets.settings.max_output_tokens {
            0 => UNLIMITED_OUTPUT_TOKENS,
            limit => limit.into(),
        };
        output + self.history_tokens as u64
    }

    /// The uses of a turn that have a limit, and its tokens.
    fn turn_uses(&self, limits: Limits) -> (Vec<Use>, u64) {
        let tokens = account::turn_tokens(self.max_turn_tokens(), limits);
        let uses = [(Budget::TurnsPerMinute, 1), (Budget::TurnsPerDay, 1), (Budget::TokensPerDay, tokens)];
        (limits.uses(&uses), tokens)
    }

    fn shared_accounts(&self, tenant: &str, chatbot: &ChatbotId, own: ChatbotLimits) -> [SharedAccount; 2] {
        let id = |account| AccountId { tenant: tenant.to_owned(), account };
        let settings = &self.budgets.settings;
        [
            (id(BudgetAccount::Chatbot(chatbot.clone())), Side::Chatbot, own.over(settings.chatbot)),
            (id(BudgetAccount::Tenant), Side::Tenant, settings.tenant),
        ]
    }

    async fn reserve(&self, (id, side, limits): SharedAccount) -> Result<TurnBudget, Error> {
        let (uses, tokens) = self.turn_uses(limits);
        if uses.is_empty() {
            return Ok(Ok(Shares::default()));
        }
        let at = self.now();
        let reserved = self.use_budget(&id, side, limits, &uses).await?;
        Ok(reserved.map(|()| Shares::of(id, limits, tokens, at)))
    }

    /// Counts uses of one account, all or none: from what this process has counted ahead, and else at the table.
    async fn use_budget(
        &self,
        id: &AccountId,
        side: Side,
        limits: Limits,
        uses: &[Use],
    ) -> Result<Result<(), Exceeded>, Error> {
        let now = self.now();
        let (short, ahead, is_begun) = self.budgets.with(id, now, |account| {
            let short = account.take(uses);
            let ahead = if short.is_empty() { Vec::new() } else { account.ahead(uses, &short) };
            (short, ahead, account.is_begun())
        });
        if short.is_empty() {
            return Ok(Ok(()));
        }
        let mut counted = self.store.budget_use(&id.tenant, &id.account, &ahead, now, is_begun).await;
        let mut is_ahead = true;
        if matches!(counted, Ok(Err(_))) && ahead != short {
            (counted, is_ahead) = (self.store.budget_use(&id.tenant, &id.account, &short, now, true).await, false);
        }
        let over = match counted {
            Ok(Ok(())) => {
                let spare = if is_ahead { difference(&ahead, &short) } else { Vec::new() };
                self.budgets.with(id, now, |account| account.keep(&spare, now));
                return Ok(Ok(()));
            }
            Ok(Err(over)) => Ok(over),
            Err(error) => Err(error),
        };
        // What was taken from this process' own counts is there for others.
        self.budgets.with(id, now, |account| account.put_back(uses, &short, now));
        Ok(Err(Exceeded::of(side, over?, limits, now)))
    }
}

/// An account that many threads write to.
type SharedAccount = (AccountId, Side, Limits);
