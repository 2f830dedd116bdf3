// A client made of the protocol's own SDK: it takes its steps as JSON on stdin, and prints what it was sent.
//
// node npm_client.mjs SDK_MODULE AGENT [ARGUMENT]...
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";

const [module, ...command] = process.argv.slice(2);
const acp = await import(pathToFileURL(module));
const { steps, answers, protocolVersion } = JSON.parse(await text(process.stdin));
const seen = { updates: [], questions: [], results: [], initialized: null };
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
  });

async function start() {
  agent = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  agent.stdin.on("error", () => {});
  const stream = acp.ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout));
  connection = app.connect(stream);
  seen.initialized = await connection.agent.request(acp.methods.agent.initialize, {
    protocolVersion,
    clientInfo: { name: "npm-client", version: "1.0.0" },
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: false } },
  });
}

// Sends a message; with `then`, cancels or kills once an update of a kind has arrived.
async function prompt({ words, then, update }) {
  const arrived = new Promise((resolve) => (waiting = { update, resolve }));
  const work = connection.agent.request(acp.methods.agent.session.prompt, {
    sessionId: session,
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

async function request({ method, params }) {
  const answer = await connection.agent.request(method, { sessionId: session, ...params });
  session = answer?.sessionId ?? session;
  return answer;
}

await start();
for (const { prompt: message, ...call } of steps) {
  try {
    seen.results.push(message ? await prompt(message) : await request(call));
  } catch (error) {
    seen.results.push({ code: error.code, message: error.message });
  }
}
connection.close();
agent.stdin.end();
process.stdout.write(JSON.stringify(seen));
