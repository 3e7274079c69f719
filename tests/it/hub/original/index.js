// A machine written for the original service: two goals, of which the second waits for an approval, a command with a parameter, a
// mapped parameter and a secret, and one that spreads a third over a job. It knows nothing of this hub.
"use strict";

const { configure } = require("@atomist/sdm/lib/core/machine/configure");
const { goal } = require("@atomist/sdm/lib/api/goal/GoalWithFulfillment");
const { DeclarationType } = require("@atomist/sdm/lib/api/registration/ParametersDefinition");
const { createJob } = require("@atomist/sdm/lib/api-helper/misc/job/createJob");
const { MappedParameters, Secrets } = require("@atomist/automation-client/lib/decorators");

exports.configuration = configure(async sdm => {
    const build = goal({ displayName: "build", uniqueName: "build" }, async invocation => {
        invocation.progressLog.write("building " + invocation.goalEvent.sha);
        const files = await invocation.configuration.sdm.projectLoader.doWithProject(
            { ...invocation, readOnly: true },
            async project => project.totalFileCount());
        invocation.progressLog.write("it has " + files + " files");
        return { code: 0 };
    });
    const publish = goal({ displayName: "publish", uniqueName: "publish", approval: true },
        async () => ({ code: 0 }));
    sdm.addCommand({
        name: "Greet",
        intent: "greet",
        description: "Greets somebody",
        parameters: {
            name: { pattern: /^[a-z]+$/, required: true, description: "Whom" },
            user: { uri: MappedParameters.GitHubUserLogin, required: true, declarationType: DeclarationType.Mapped },
            token: { uri: Secrets.OrgToken, declarationType: DeclarationType.Secret },
        },
        listener: async command => {
            const { name, user, token } = command.parameters;
            await command.addressChannels(`hello ${name}, says ${user}, who has ${token ? token.length : "no"} characters`);
        },
    });
    sdm.addCommand({
        name: "Wave",
        intent: "wave",
        description: "Waves at somebody",
        parameters: { name: { pattern: /^[a-z]+$/, required: true, description: "At whom" } },
        listener: async () => ({ code: 0 }),
    });
    sdm.addCommand({
        name: "WaveAtAll",
        intent: "wave at all",
        description: "Waves at several, one after the other",
        listener: async command => {
            await createJob({ command: "Wave", name: "waves", parameters: [{ name: "ada" }, { name: "grace" }] }, command.context);
        },
    });
    return { all: { goals: [[build], [publish]] } };
}, { requiredConfigurationValues: [] });
