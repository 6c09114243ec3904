// The five calls of tests/adapters/web/test_clients.py, by the published client: node five_calls.mjs HOST KEY
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const client = new Analytics({ host, writeKey })
client.on('error', (error) => {
  console.error(error)
  process.exitCode = 1
})
client.identify({ userId: 'u1', traits: { email: 'ada@mail.example' } })
client.track({ userId: 'u1', event: 'Order Completed', properties: { total: 12.5 } })
client.page({ userId: 'u1', category: 'docs', name: 'Home' })
client.group({ userId: 'u1', groupId: 'acme', traits: { plan: 'team' } })
client.alias({ userId: 'u1', previousId: 'a1' })
await client.closeAndFlush()
