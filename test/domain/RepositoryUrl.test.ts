import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { parseRepositoryUrl } from "../../src/domain/RepositoryUrl.ts"

const understood = [
  ["https://github.com/acme/shop", "github.com"],
  ["https://github.com/acme/shop.git", "github.com"],
  ["https://github.com/acme/shop.git/", "github.com"],
  ["https://x-access-token:secret@GitHub.com/acme/shop.git", "github.com"],
  ["http://127.0.0.1:8123/acme/shop.git", "127.0.0.1:8123"],
  ["https://git.example.com:8443/acme/shop", "git.example.com:8443"],
  ["git@github.com:acme/shop.git", "github.com"],
  ["git@github.com:acme/shop", "github.com"],
  ["github.com:/acme/shop.git", "github.com"],
  ["ssh://git@github.com/acme/shop.git", "github.com"],
  ["ssh://git@ssh.github.com:443/acme/shop", "ssh.github.com"],
  ["git://github.com/acme/shop.git", "github.com"],
  ["  git@github.com:acme/shop.git\n", "github.com"]
] as const

const refused = [
  "",
  "shop",
  "/srv/git/shop.git",
  "./acme/shop",
  "../acme/shop",
  "file:///srv/git/acme/shop.git",
  "C:\\code\\shop",
  "C:/acme/shop",
  "https://github.com",
  "https://github.com/acme",
  "https://github.com/acme/",
  "https://gitlab.com/group/sub/shop.git",
  "https://github.com/acme/.git",
  "https://github.com/../shop",
  "https://github.com/acme/%2e%2e",
  "git@github.com:shop.git",
  "git@github.com:acme/..",
  "git@github.com:acme/sh op",
  "ext::sh -c whoami",
  "javascript://github.com/acme/shop"
]

describe("parseRepositoryUrl", () => {
  it.each(understood)("reads %s", (address, host) => {
    assert.deepStrictEqual(parseRepositoryUrl(address), Option.some({ host, owner: "acme", name: "shop" }))
  })

  it.each(refused)("does not read %j", (address) => {
    assert.deepStrictEqual(parseRepositoryUrl(address), Option.none())
  })
})
