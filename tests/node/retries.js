// Sends identify calls while the stand-in has a fault, and prints how many attempts of each it has seen.
//
//   node retries.js VERSION URL        (VERSION: 4 or 5)

'use strict';

const [version, url] = process.argv.slice(2);
const cio = require(version === '4' ? 'customerio-node-4' : 'customerio-node');
const { hostname, port, protocol } = new URL(url);
const quickly = { minTimeoutMs: 1, maxTimeoutMs: 2 };
const clientWith = (options) =>
  version === '4'
    ? new cio.TrackClient('site', 'key', { url: `${protocol}//${hostname}/api/v1`, port })
    : new cio.TrackClient('site', 'key', { url: `${url}/api/v1`, ...options });
const none = { error_share: 0, reset_share: 0, hang_share: 0, hang_seconds: null, rate_limit: null, retry_after: false };

async function post(page, body) {
  await fetch(`${url}/_standin/${page}`, { method: 'POST', body: JSON.stringify(body) });
}

// Calls once with the faults.
async function attempts(faults, client = clientWith({ retry: quickly })) {
  await post('reset', {});
  await post('faults', { ...none, ...faults });
  if (faults.rate_limit) await client.identify('ada');
  const outcome = await client.identify('ada').then(() => 'ok', (error) => error.name);
  await post('faults', none);
  const { statuses } = await (await fetch(`${url}/_standin/stats`)).json();
  // Between the two calls the machine may have stood still for as long as the limit's window.
  return faults.rate_limit && !statuses[429] ? attempts(faults, client) : { outcome, statuses };
}

(async () => {
  const seen = {
    500: await attempts({ error_share: 1 }),
    reset: await attempts({ reset_share: 1 }),
    hang: await attempts(
      { hang_share: 1, hang_seconds: version === '4' ? 0.1 : null },
      clientWith({ timeout: 800, retry: { ...quickly, maxRetries: 1 } }),
    ),
    429: await attempts({ rate_limit: 1 }),
    '429 with Retry-After': await attempts({ rate_limit: 1, retry_after: true }),
  };
  console.log(JSON.stringify(seen));
})();
