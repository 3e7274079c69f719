import assert from "node:assert/strict";
import { test } from "node:test";

import { greeting } from "../index.js";

test("greets by name", () => {
  assert.equal(greeting("world"), "Hello, world!");
});
