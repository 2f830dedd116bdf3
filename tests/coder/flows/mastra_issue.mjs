// The flow of an issue in Mastra, with the steps of the one in test_beside_mastra.py. Prints JSON.
// node mastra_issue.mjs FOLDER LOG: the folder with node_modules, and a file for a line for each step.
import { appendFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [packages, log] = process.argv.slice(2)
const require = createRequire(`${packages}/`)
const load = async (name) => import(pathToFileURL(require.resolve(name)).href)
const { Mastra } = await load('@mastra/core/mastra')
const { createStep, createWorkflow } = await load('@mastra/core/workflows')
const { InMemoryStore } = await load('@mastra/core/storage')
const { z } = await load('zod')

const value = z.any()
const step = (id, work) =>
  createStep({
    id, inputSchema: value, outputSchema: value, resumeSchema: value, suspendSchema: value,
    execute: async ({ inputData, resumeData, suspend }) => {
      appendFileSync(log, `${id}\n`)
      return work(inputData, resumeData, suspend)
    },
  })
const ask = (id) =>
  createStep({
    id, inputSchema: value, outputSchema: value, resumeSchema: value, suspendSchema: value,
    execute: async ({ inputData, resumeData, suspend }) =>
      resumeData ? { ...inputData, [id]: resumeData.agrees } : suspend({ question: id }),
  })

const workflow = createWorkflow({ id: 'issue', inputSchema: value, outputSchema: value })
  .then(step('reproduce', async (issue) => ({ ...issue, command: 'python3 check.py' })))
  .then(ask('plan'))
  .then(step('fix', async (issue) => ({ ...issue, patch: 'a + b' })))
  .then(step('review', async (issue) => ({ ...issue, remarks: `${issue.patch} is right` })))
  .then(ask('commit'))
  .then(step('branch', async (issue) => ({ ...issue, branch: `coder/${issue.title}` })))
  .commit()

const mastra = new Mastra({ workflows: { issue: workflow }, storage: new InMemoryStore(), logger: false })
const run = await mastra.getWorkflow('issue').createRun()
const statuses = []
let result = await run.start({ inputData: { title: 'add' } })
while (result.status === 'suspended') {
  statuses.push(result.suspended[0][0])
  result = await run.resume({ step: result.suspended[0], resumeData: { agrees: true } })
}
console.log(JSON.stringify({ status: result.status, suspended: statuses, result: result.result ?? result.error }))
process.exit(0)
