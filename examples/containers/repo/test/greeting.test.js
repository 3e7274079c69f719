const test = require("node:test");
const assert = require("node:assert");
const { greeting } = require("../index.js");

test("greets by name", () => assert.equal(greeting("Ada"), "Hello, Ada!"));
