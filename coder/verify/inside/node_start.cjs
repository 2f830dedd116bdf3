// Keep code under test from hiding in a Node program's exit code what the given tests found.
//
// Node loads this first in all programs that a test command starts. Only a given test that runs as a program,
// or code given on the command line, is guarded: an exit with 0 that other code of the workspace calls,
// handlers of that code that swallow an error, and assertions that it replaces make the exit code 1.
// given.json, beside this file, lists the given files. Node 12 and later.
'use strict';

const fs = require('fs');
const path = require('path');

const root = fs.realpathSync(path.dirname(__dirname)) + path.sep;
const given = new Set(JSON.parse(fs.readFileSync(path.join(__dirname, 'given.json'), 'utf8')));
const { captureStackTrace } = Error;

function relative(file) {
  const plain = file.replace(/^file:\/\//, '');
  return plain.startsWith(root) && !plain.includes('/node_modules/') ? plain.slice(root.length) : '';
}

// Return the file of the workspace that called, if it is no given one.
function callingCode() {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder = {};
  Error.stackTraceLimit = 100;
  Error.prepareStackTrace = (_, sites) => sites;
  captureStackTrace(holder, callingCode);
  const files = [...holder.stack].map((site) => relative(String(site.getFileName() || '')));
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  const caller = files.find((file) => file && file !== relative(__filename));
  return caller && !given.has(caller) ? caller : '';
}

function guard() {
  const { exit, reallyExit, emit } = process;
  let reason = '';
  let handles = '';
  let swallowed = null;
  let othersHandle = false;

  function tell(text) {
    reason = reason || text;
    fs.writeSync(2, `${text}\n`);
  }

  function checked(code, verb) {
    const caller = Number(code) ? '' : callingCode();
    if (caller) tell(`${verb} in ${caller} ended the tests early`);
    return reason && !Number(code) ? 1 : code;
  }

  process.exit = (code) => exit.call(process, checked(code === undefined ? process.exitCode : code, 'process.exit()'));
  process.reallyExit = (code) => reallyExit.call(process, checked(code, 'process.reallyExit()'));

  process.emit = function (name, ...values) {
    const result = emit.call(this, name, ...values);
    if (name === 'exit' && !values[0] && swallowed && !othersHandle) tell(`an error was kept from ending the tests: ${swallowed.error}`);
    if (name === 'exit') process.exitCode = process.exitCode || values[0] || (reason ? 1 : 0);
    return result;
  };

  for (const method of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']) {
    const add = process[method];
    process[method] = function (name, listener) {
      const caller = name === 'uncaughtException' || name === 'unhandledRejection' ? callingCode() : '';
      if (caller && name === 'unhandledRejection') add.call(this, name, noteSwallowed);
      handles = handles || caller;
      othersHandle = othersHandle || (/^(uncaughtException|unhandledRejection)$/.test(name) && !caller);
      return add.call(this, name, listener);
    };
  }
  process.on('uncaughtExceptionMonitor', noteSwallowed);

  function noteSwallowed(error) {
    swallowed = { error };
    if (handles) tell(`${handles} keeps an error from ending the tests: ${error}`);
  }

  const assert = require('assert');
  for (const object of [assert, assert.strict]) {
    for (const name of Object.keys(object)) {
      let value = object[name];
      if (typeof value !== 'function') continue;
      Object.defineProperty(object, name, {
        configurable: false,
        enumerable: true,
        get: () => value,
        set(other) {
          const caller = callingCode();
          if (caller) tell(`${caller} replaces assert.${name}`);
          value = other;
        },
      });
    }
  }
}

const main = process.argv[1] ? relative(path.resolve(process.argv[1])) : '';
const isGiven = main ? given.has(main) || given.has(`${main}.js`) : process.execArgv.some((word) => /^-\w*[ep]$|^--(eval|print)/.test(word));
const startsTests = process.execArgv.includes('--test') && !process.env.NODE_TEST_CONTEXT;
if (isGiven && !startsTests) {
  // Programs that the tests start aren't guarded.
  process.env.NODE_OPTIONS = (process.env.NODE_OPTIONS || '').replace(/--require "[^"]*\/node_start\.cjs" ?/, '');
  guard();
}
