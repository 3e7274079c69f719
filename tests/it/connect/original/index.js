// An add-on as the framework's documentation would have it, with its records in memory. It says `listening` when it does.
const path = require("path");
const express = require("express");
const bodyParser = require("body-parser");
const connect = require("atlassian-connect-express");

const port = Number(process.env.PORT);
const base = process.env.BASE_PATH || "";
const records = new Map();

connect.store.register("memory", () => ({
  get: async (key, clientKey) => records.get(`${clientKey}:${key}`) || null,
  set: async (key, value, clientKey) => (records.set(`${clientKey}:${key}`, value), value),
  del: async (key, clientKey) => void records.delete(`${clientKey}:${key}`),
  saveInstallation: async (value, clientKey) => (records.set(`${clientKey}:clientInfo`, value), value),
}));

const quiet = () => {};
const logger = { info: quiet, warn: quiet, error: quiet, debug: quiet };
const app = express();
const addon = connect(app, {
  config: {
    development: {
      port,
      localBaseUrl: `http://127.0.0.1:${port}${base}`,
      store: { adapter: "memory" },
      whitelist: ["127.0.0.1"],
      watch: false,
    },
  },
}, logger, {
  descriptorFilename: "atlassian-connect.json",
  configFileName: path.join(__dirname, "no-such-config.json"),
});

app.use(bodyParser.json());
app.use(bodyParser.urlencoded({ extended: false }));
app.use(addon.middleware());

const seen = [];
const hook = (req, res) => {
  seen.push(req.body.eventType);
  if (req.body.eventType === "uninstalled") records.clear();
  res.status(204).send();
};
app.post(`${base}/enabled`, addon.authenticate(), hook);
app.post(`${base}/disabled`, addon.authenticate(), hook);
app.post(`${base}/uninstalled`, addon.authenticateInstall(), hook);
addon.on("push", (event) => seen.push(event));

// What a call was understood as.
app.all(`${base}/who*`, addon.authenticate(), (req, res) =>
  res.json({ clientKey: req.context.clientKey, user: req.context.userAccountId, seen }));

// Calls the hub back, as the body says, and tells what came of it.
app.post(`${base}/call-back`, addon.authenticate(), (req, res) => {
  const { method, uri, form, json } = req.body;
  const client = addon.httpClient({ clientKey: req.context.clientKey });
  client[method]({ uri, form, json }, (error, response, body) =>
    res.json({ error: error && String(error), status: response && response.statusCode, body }));
});

app.listen(port, "127.0.0.1", () => console.log("listening"));
