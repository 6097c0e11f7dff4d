import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Run, Sha, WorkOrderId, branchName, executionId, quarantineRef } from "../../src/domain/Ids.ts"

const id = (text: string) => WorkOrderId.make(text)

/** The rules of git-check-ref-format(1) for `refs/heads/<branch>`. */
const isBranch = (branch: string): boolean =>
  branch.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock")) &&
  // oxlint-disable-next-line no-control-regex
  !/\.\.|[\x00-\x20\x7f~^:?*[\\]|@\{|\.$|^-|^@$/.test(branch)

describe("branchName", () => {
  it.prop("is a branch git takes, of at most twelve characters after its prefix", [WorkOrderId], ([any]) => {
    const branch = branchName(any)
    assert.isTrue(isBranch(branch), branch)
    assert.match(branch, /^moose\/wo-[A-Za-z0-9_-]{1,12}$/)
  })

  it.prop("is the same each time", [WorkOrderId], ([any]) => {
    assert.strictEqual(branchName(any), branchName(any))
  })

  it("is the id where that fits, and begins like it where not", () => {
    assert.strictEqual(branchName(id("add-discount")), "moose/wo-add-discount")
    assert.strictEqual(branchName(id("x")), "moose/wo-x")
    assert.match(branchName(id("add-discount-2")), /^moose\/wo-add-d[a-z0-9]{7}$/)
  })

  it("does not change from one version to the next, or a retry would not find its branch", () => {
    assert.strictEqual(branchName(id("add-discount-2")), "moose/wo-add-dg332w6r")
  })

  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
  const letter = (index: number) => alphabet.charAt(index % alphabet.length)
  const families: Record<string, (index: number) => string> = {
    "a number at the end": (index) => `order-2026-${String(index).padStart(6, "0")}`,
    "a count in base 36": (index) => `customer-portal-${index.toString(36)}`,
    "two letters at the end": (index) => `customer-portal-${letter(index)}${letter(Math.floor(index / 64))}`,
    "a number in the middle": (index) => `order-${index}-of-the-customer-portal`,
    "the longest ids": (index) => `${"a".repeat(59)}${String(index).padStart(5, "0")}`
  }
  for (const [what, family] of Object.entries(families)) {
    it(`differs for many ids that differ by ${what}`, () => {
      const ids = new Set(Array.from({ length: 4_000 }, (_, index) => family(index)))
      const branches = new Set([...ids].map((text) => branchName(id(text)).toLowerCase()))
      assert.strictEqual(branches.size, ids.size)
    })
  }
})

describe("ids", () => {
  const is = Schema.is(WorkOrderId)
  for (const text of [
    "",
    "-a",
    "_a",
    ".",
    "a.b",
    "a/b",
    "a b",
    "a\n",
    "ä",
    "a".repeat(65),
    "..",
    "a\u0000"
  ]) {
    it(`${JSON.stringify(text.slice(0, 8))} names no work order`, () => {
      assert.isFalse(is(text))
    })
  }

  it("puts the run into the names that belong to a run", () => {
    assert.strictEqual(executionId(id("a"), Run.make(3)), "a/3")
    assert.strictEqual(quarantineRef(id("a"), Run.make(3)), "refs/moose/quarantine/a/3")
  })

  it("takes whole commit names only", () => {
    assert.isTrue(Schema.is(Sha)("0123456789abcdef0123456789abcdef01234567"))
    assert.isFalse(Schema.is(Sha)("0123456"))
    assert.isFalse(Schema.is(Sha)(`${"0".repeat(40)}\n`))
  })
})
