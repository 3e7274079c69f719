//! What parameters of commands can be mapped to: addresses of values that the hub fills in (wire protocol 4.3). `?…` may follow each.

/// Owner of the repository of the place where it is asked.
pub const REPOSITORY_OWNER: &str = "atomist://github/repository/owner";
/// Name of that repository.
pub const REPOSITORY: &str = "atomist://github/repository";
/// Id of its forge.
pub const REPOSITORY_PROVIDER: &str = "atomist://github/repository/provider";
/// Address of its forge for people.
pub const FORGE_URL: &str = "atomist://github_url";
/// Address of its forge for programs.
pub const FORGE_API_URL: &str = "atomist://github_api_url";
/// Where its forge sends webhooks.
pub const FORGE_WEBHOOK_URL: &str = "atomist://github_webhook_url";
/// Where webhooks are sent.
pub const WEBHOOK_URL: &str = "atomist://base_webhook_url";
/// Who asks, as the forge calls them.
pub const LOGIN: &str = "atomist://github/username";
/// Id of the chat.
pub const CHAT: &str = "atomist://slack/team";
/// Id of the channel.
pub const CHANNEL: &str = "atomist://slack/channel";
/// Name of the channel.
pub const CHANNEL_NAME: &str = "atomist://slack/channel_name";
/// `channel`, or `user` for a talk of two.
pub const CHANNEL_TYPE: &str = "atomist://slack/channel_type";
/// Who asks, by their id in the chat.
pub const CHAT_USER: &str = "atomist://slack/user";
/// Who asks, as the chat calls them.
pub const CHAT_USER_NAME: &str = "atomist://slack/user_name";
