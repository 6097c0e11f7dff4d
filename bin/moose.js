#!/usr/bin/env node
import { existsSync } from "node:fs"
import module from "node:module"

const required = [22, 19]
const [major, minor] = process.versions.node.split(".").map(Number)

if (major < required[0] || (major === required[0] && minor < required[1])) {
  console.error(
    `moose needs Node ${required.join(".")} or newer, and this is ${process.versions.node} (${process.execPath}). Install a newer Node: https://nodejs.org`
  )
  process.exit(1)
}

// Compiled code is kept for the next time: it halves the start.
module.enableCompileCache?.()

// A checkout runs its sources, a package what was built from them.
const source = new URL("../src/cli/main.ts", import.meta.url)
await import(existsSync(source) ? source.href : new URL("../dist/cli/main.js", import.meta.url).href)
