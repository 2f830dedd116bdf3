// A client made of the protocol's own SDK: it takes its steps as JSON on stdin, and prints what it was sent.
//
// node npm_client.mjs SDK_MODULE AGENT [ARGUMENT]...
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";

const [module, ...command] = process.argv.slice(2);
const acp = await import(pathToFileURL(module));
const { steps, answers, entries, protocolVersion } = JSON.parse(await text(process.stdin));
const seen = { updates: [], questions: [], forms: [], results: [], initialized: null };
let agent, connection, session, waiting;

const app = acp
  .client({ name: "npm-client" })
  .onNotification(acp.methods.client.session.update, ({ params }) => {
    seen.updates.push(params.update);
    if (waiting?.update === params.update.sessionUpdate) waiting.resolve();
  })
  .onRequest(acp.methods.client.session.requestPermission, ({ params }) => {
    seen.questions.push(params);
    const optionId = answers.shift();
    return { outcome: optionId ? { outcome: "selected", optionId } : { outcome: "cancelled" } };
  })
  .onRequest(acp.methods.client.elicitation.create, ({ params }) => {
    seen.forms.push(params);
    const content = entries.shift();
    return content ? { action: "accept", content } : { action: "decline" };
  });

async function start() {
  agent = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  agent.stdin.on("error", () => {});
  const stream = acp.ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout));
  connection = app.connect(stream);
  seen.initialized = await connection.agent.request(acp.methods.agent.initialize, {
    protocolVersion,
    clientInfo: { name: "npm-client", version: "1.0.0" },
    clientCapabilities: {
      fs: { readTextFile: false, writeTextFile: false },
      ...(entries.length ? { elicitation: { form: {} } } : {}),
    },
  });
}

// Sends a message; with `then`, cancels or kills once an update of a kind has arrived.
async function prompt({ words, then, update, sessionId }) {
  const arrived = new Promise((resolve) => (waiting = { update, resolve }));
  const work = connection.agent.request(acp.methods.agent.session.prompt, {
    sessionId: sessionId || session,
    prompt: [{ type: "text", text: words }],
  });
  if (then === "cancel") {
    await arrived;
    await connection.agent.notify(acp.methods.agent.session.cancel, { sessionId: session });
  }
  if (then === "kill") {
    work.catch(() => {});
    await arrived;
    agent.kill("SIGKILL");
    await new Promise((resolve) => agent.on("close", resolve));
    await start();
    return "killed";
  }
  return (await work).stopReason;
}

// Tells another process that this step is reached, and waits until the other says so.
async function meet({ here, there }) {
  writeFileSync(here, "");
  while (!existsSync(there)) await pause(20);
}

// Waits until words have arrived in updates of a kind.
async function until({ update, words }) {
  const text = () =>
    seen.updates.map((one) => (one.sessionUpdate === update ? one.content.text : "")).join("");
  while (!text().includes(words)) await pause(20);
}

async function request({ method, params }) {
  const answer = await connection.agent.request(method, { sessionId: session, ...params });
  session = answer?.sessionId ?? session;
  return answer;
}

await start();
const kinds = { prompt, meet, until, request };
for (const [[kind, step]] of steps.map(Object.entries)) {
  try {
    seen.results.push((await kinds[kind](step)) ?? null);
  } catch (error) {
    seen.results.push({ code: error.code, message: error.message });
  }
}
connection.close();
agent.stdin.end();
process.stdout.write(JSON.stringify(seen));
