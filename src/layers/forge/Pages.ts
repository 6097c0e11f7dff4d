import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Limits } from "../../domain/policies/Limits.ts"
import { answered } from "./Guard.ts"
import type { Found } from "./PullRequests.ts"
import { numberIn, repositoryIn } from "./Requests.ts"
import { notFound } from "./Refusal.ts"
import type { Forge } from "./RestRoutes.ts"
import type { PullRequestRecord } from "./Records.ts"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Text as HTML that shows exactly that text, in an element or in a quoted attribute. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign)

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; background: #fff }
a { color: #0550ae } h1 { font-size: 1.5rem; margin-bottom: .25rem } .number, .meta { color: #59636e }
code, pre { font: 13px/1.45 ui-monospace, monospace } .state { border-radius: 1rem; padding: .1rem .7rem; color: #fff; font-size: .85rem }
.open { background: #1a7f37 } .closed { background: #cf222e } .merged { background: #8250df }
.body { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #d1d9e0; border-radius: .4rem; padding: 1rem; font: inherit }
.diff { border: 1px solid #d1d9e0; border-radius: .4rem; padding: .5rem 0; overflow-x: auto }
.diff span { display: block; padding: 0 1rem; min-height: 1.45em } .add { background: #dafbe1 } .del { background: #ffebe9 }
.hunk { background: #ddf4ff } .file { font-weight: 600; background: #f6f8fa }
@media (prefers-color-scheme: dark) {
  body { color: #f0f6fc; background: #0d1117 } a { color: #4493f8 } .number, .meta { color: #9198a1 }
  .body, .diff { border-color: #3d444d } .add { background: #12261e } .del { background: #301b1e }
  .hunk { background: #121d2f } .file { background: #151b23 }
}`

const page = (title: string, content: string, status = 200) =>
  HttpServerResponse.text(
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
      `<title>${escapeHtml(title)}</title><style>${style}</style></head><body>${content}</body></html>\n`,
    {
      status,
      contentType: "text/html; charset=utf-8",
      headers: {
        "content-security-policy":
          "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "cache-control": "no-store"
      }
    }
  )

const stateOf = (record: PullRequestRecord) => (record.mergedAt === null ? record.state : "merged")
const badge = (record: PullRequestRecord) =>
  `<span class="state ${stateOf(record)}">${stateOf(record)}</span>`

const lineClass = (line: string, inHunk: boolean): string => {
  if (line.startsWith("diff --git ")) return "file"
  if (line.startsWith("@@")) return "hunk"
  if (!inHunk) return "meta"
  if (line.startsWith("+")) return "add"
  return line.startsWith("-") ? "del" : ""
}

const diffLines = (text: string): string => {
  let inHunk = false
  return text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => {
      const kind = lineClass(line, inHunk)
      if (kind === "hunk" || kind === "file") inHunk = kind === "hunk"
      return `<span class="${kind}">${escapeHtml(line)}</span>`
    })
    .join("")
}

const pullRequestPage = (found: Found, diff: { readonly text: string; readonly cut: boolean } | null) => {
  const { repository, record } = found
  const full = `${repository.owner}/${repository.name}`
  const changes =
    diff === null
      ? `<p class="meta">The commits are not at hand, so the change cannot be shown.</p>`
      : `<pre class="diff">${diffLines(diff.text)}</pre>` +
        (diff.cut ? `<p class="meta">Cut after ${Limits.forgeDiffBytesMax / 1024} KiB.</p>` : "")
  return page(
    `${record.title} · Pull request #${record.number} · ${full}`,
    `<p><a href="/">Repositories</a> / ${escapeHtml(full)}</p>` +
      `<h1>${escapeHtml(record.title)} <span class="number">#${record.number}</span></h1>` +
      `<p class="meta">${badge(record)} <code>${escapeHtml(record.head)}</code> into <code>${escapeHtml(record.base)}</code>` +
      `, at <code>${record.headSha.slice(0, 12)}</code></p>` +
      (record.body === null || record.body === ""
        ? ""
        : `<pre class="body">${escapeHtml(record.body)}</pre>`) +
      `<h2>Changes</h2>${changes}`
  )
}

/** Pages for people: an index, and one for each pull request. They need no token, and only read. */
export const routes = (forge: Forge) => {
  const index = Effect.gen(function* () {
    const repositories = yield* forge.store.list
    const sections = repositories.map((repository) => {
      const full = escapeHtml(`${repository.owner}/${repository.name}`)
      const items = [...repository.pullRequests.values()]
        .reverse()
        .map(
          (record) =>
            `<li>${badge(record)} <a href="/${full}/pull/${record.number}">${escapeHtml(record.title)}</a> ` +
            `<span class="number">#${record.number}</span></li>`
        )
      const list =
        items.length === 0 ? `<p class="meta">No pull requests yet.</p>` : `<ul>${items.join("")}</ul>`
      return `<h2>${full}</h2>${list}`
    })
    const content = sections.length === 0 ? `<p class="meta">No repositories yet.</p>` : sections.join("")
    return page("Local forge", `<h1>Local forge</h1>${content}`)
  })

  const pullRequest = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const found = yield* forge.pullRequests.get(repositoryIn(params), yield* numberIn(params))
    return pullRequestPage(found, yield* forge.pullRequests.diff(found))
  }).pipe(
    Effect.catchTag("Refusal", (failure) =>
      Effect.succeed(page("Not found", "<h1>There is no such pull request.</h1>", failure.status))
    )
  )

  const plainDiff = Effect.gen(function* () {
    const params = yield* HttpRouter.params
    const found = yield* forge.pullRequests.get(repositoryIn(params), yield* numberIn(params))
    const diff = yield* forge.pullRequests.diff(found)
    if (diff === null || diff.cut) return yield* notFound
    return HttpServerResponse.text(diff.text)
  })

  return [
    HttpRouter.route("GET", "/", answered(index)),
    HttpRouter.route("GET", "/:owner/:repo/pull/:number(^\\d+$)", answered(pullRequest)),
    HttpRouter.route("GET", "/:owner/:repo/pull/:number(^\\d+).diff", answered(plainDiff))
  ]
}
