import { assert, describe, it } from "@effect/vitest"
import { endedTasks, plan } from "../../../src/runners/demo/DemoPlan.ts"
import type { TaskStatus } from "../../../src/schema/Task.ts"

const ended = (taskId: string, phase = "completed") => ({ taskId, phase }) as TaskStatus

describe("a run of the demo in the home of an earlier one", () => {
  const [earlier, later] = [plan("one"), plan("two")]

  it("counts the ends of its own tasks alone", () => {
    const tasks = [...earlier.tasks.map((id) => ended(id)), ended(later.tasks[0]!), ended(later.tasks[1]!, "running")]
    assert.strictEqual(endedTasks(later, tasks), 1)
    assert.strictEqual(endedTasks(earlier, tasks), earlier.tasks.length)
  })

  it("shares no id and no idempotency key with it", () => {
    const namesOf = ({ bulkKey, sessions, tasks }: ReturnType<typeof plan>) => [
      bulkKey,
      ...tasks,
      ...sessions.flatMap(({ sessionId, turns }) => [sessionId, ...turns])
    ]
    const before = new Set(namesOf(earlier))
    assert.deepStrictEqual(
      namesOf(later).filter((name) => before.has(name)),
      []
    )
  })
})
