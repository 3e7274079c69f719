"use strict";
// What generators of code and editors make of the graph's description of itself, with the package `graphql` that came along.
const fs = require("fs");
const path = require("path");
const graphql = require("graphql");

// Questions that a hub of ours does not answer on purpose, by the names of their files: whoever may ask the graph would get what
// opens other systems.
const UNHEARD = new Set(["Password.graphql"]);

function files(directory) {
    return fs.readdirSync(directory, { withFileTypes: true }).flatMap(entry => {
        const name = path.join(directory, entry.name);
        return entry.isDirectory() ? files(name) : name.endsWith(".graphql") ? [name] : [];
    });
}

/** A question with the fragments it uses. */
function whole(text, fragments) {
    const used = new Map();
    const add = part => {
        for (const [, name] of part.matchAll(/\.\.\.\s*([A-Za-z_]\w*)/g)) {
            if (name !== "on" && fragments.has(name) && !used.has(name)) {
                used.set(name, fragments.get(name));
                add(fragments.get(name));
            }
        }
    };
    add(text);
    return [text, ...used.values()].join("\n");
}

function check(answer) {
    const schema = graphql.buildClientSchema(answer.data);
    const problems = graphql.validateSchema(schema).map(error => error.message);
    const all = files(path.join(__dirname, "node_modules/@atomist/sdm/lib/graphql"));
    const texts = all.map(name => [path.basename(name), fs.readFileSync(name, "utf8")]);
    const fragments = new Map();
    for (const [, text] of texts) {
        const found = text.match(/^\s*fragment\s+(\w+)/m);
        if (found && !/^\s*(query|mutation|subscription)\b/m.test(text)) {
            fragments.set(found[1], text);
        }
    }
    const asked = texts.filter(([, text]) => /^\s*(query|mutation|subscription)\b/m.test(text));
    const questions = [];
    for (const [name, text] of asked) {
        const errors = graphql.validate(schema, graphql.parse(whole(text, fragments)));
        if (errors.length > 0 && !UNHEARD.has(name)) {
            questions.push({ name, errors: errors.map(error => error.message) });
        }
    }
    return { problems, questions, checked: asked.length, types: Object.keys(schema.getTypeMap()) };
}

const getIntrospectionQuery = graphql.getIntrospectionQuery || (() => graphql.introspectionQuery);
switch (process.argv[2]) {
    case "question":
        process.stdout.write(getIntrospectionQuery());
        break;
    case "check":
        process.stdout.write(JSON.stringify(check(JSON.parse(fs.readFileSync(0, "utf8")))));
        break;
    case "build": {
        // As a machine of the original tells of a build: by a function of its own, which knows an address and nothing else.
        const build = JSON.parse(fs.readFileSync(0, "utf8"));
        process.env.ATOMIST_WEBHOOK_BASEURL = build.base;
        const { postBuildWebhook } = require("@atomist/sdm/lib/core/util/webhook/ImageLink");
        postBuildWebhook("acme", "app", "main", build.sha, build.status, "w", { retries: 0 }).then(isSent => {
            process.stdout.write(String(isSent), () => process.exit(0));
        });
        break;
    }
    default:
        process.exit(2);
}
