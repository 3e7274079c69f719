"use strict";
// A machine written for the original service: two goals, the second after the first and confirmed by a person.
const { configure } = require("@atomist/sdm/lib/core/machine/configure");
const { goal } = require("@atomist/sdm/lib/api/goal/GoalWithFulfillment");

exports.configuration = configure(async sdm => {
    const build = goal({ uniqueName: "build", displayName: "build" }, async () => ({ code: 0 }));
    const publish = goal({ uniqueName: "publish", displayName: "publish", approval: true }, async () => ({ code: 0 }));
    return { build: { goals: [build, publish] } };
});
