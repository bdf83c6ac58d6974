// Calls every method of an official client for Node against the stand-in, and prints what became of each.
//
//   node every_method.js VERSION URL        (VERSION: 4 or 5)
//
// Standard output is one JSON object: for each client the methods that it has, and for each call
// "ok", or the error. A method that is never called here is missing among the calls, so a test finds it.

'use strict';

const [version, url] = process.argv.slice(2);
const cio = require(version === '4' ? 'customerio-node-4' : 'customerio-node');
const { hostname, port, protocol } = new URL(url);
// Version 4 takes no port in its URL.
const base = version === '4' ? `${protocol}//${hostname}` : url;
const options = version === '4' ? { port } : { retry: { minTimeoutMs: 1, maxTimeoutMs: 2 } };

const report = { methods: {}, calls: {}, results: {} };

function callerOf(name, client) {
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(client));
  // What a class keeps to itself is no method of its users.
  report.methods[name] = methods.filter((each) => !['constructor', 'resourceBase', 'envelope'].includes(each));
  report.calls[name] = {};
  return async (method, ...parameters) => {
    try {
      const result = await client[method](...parameters);
      report.calls[name][method] ??= 'ok';
      report.results[`${name}.${method}`] = result;
      return result;
    } catch (error) {
      report.calls[name][method] = `${error.name}: ${error.message}`;
      return {};
    }
  };
}

async function track() {
  const call = callerOf('TrackClient', new cio.TrackClient('site', 'key', { url: `${base}/api/v1`, ...options }));
  await call('identify', 'a/b c', { email: 'ada@example.com', plan: 'basic' });
  await call('identify', 'bob', {});
  await call('identify', 'mallory', {});
  await call('destroy', 'mallory');
  await call('suppress', 'eve');
  await call('unsuppress', 'eve');
  await call('track', 'a/b c', { name: 'purchase', data: { price: 23.45 } });
  await call('trackAnonymous', 'anonymous', { name: 'visit', data: {} });
  await call('trackPageView', 'a/b c', '/pricing');
  await call('trackPush', { delivery_id: 'd', event: 'opened', device_id: 'phone', timestamp: 1760000000 });
  await call('addDevice', 'a/b c', 'phone', 'ios', { last_used: 1760000000, colour: 'red' });
  await call('addDevice', 'a/b c', 'tablet', 'android');
  await call('deleteDevice', 'a/b c', 'tablet');
  await call('mergeCustomers', 'id', 'a/b c', 'id', 'bob');
  if (version === '4') return;
  await call('batch', [
    { type: 'person', action: 'event', identifiers: { id: 'a/b c' }, name: 'in a batch' },
    {
      type: 'object',
      action: 'identify',
      identifiers: { object_type_id: '1', object_id: 'acme' },
      attributes: { name: 'Acme' },
      cio_relationships: [{ identifiers: { id: 'a/b c' }, relationship_attributes: { role: 'admin' } }],
    },
  ]);
  await call('entity', { type: 'person', action: 'identify', identifiers: { id: 'a/b c' }, attributes: { tier: 1 } });
  await call('getAccountRegion');
  await call('addCustomersToSegment', 7, ['a/b c']);
  await call('addCustomersToSegment', 8, ['ada@example.com'], 'email');
  await call('removeCustomersFromSegment', 8, ['ada@example.com'], 'email');
  await call('submitForm', 'signup', { email: 'form@example.com', colour: 'red' });
  await call('reportMetric', { delivery_id: 'd', metric: 'opened', timestamp: 1760000000 });
  await call('unsubscribe', 'delivery');
}

const PERSON = { identifiers: { id: 'a/b c' }, transactional_message_id: 3, message_data: { name: 'Ada' } };

async function sends(call) {
  const email = new cio.SendEmailRequest({ ...PERSON, to: 'ada@example.com', subject: 'Hello' });
  email.attach('a.txt', 'text');
  const { delivery_id } = await call('sendEmail', email);
  await call('sendPush', new cio.SendPushRequest({ ...PERSON, title: 'Hello', device: { token: 'phone' } }));
  await call('sendSMS', new cio.SendSMSRequest({ ...PERSON, to: '+15550100' }));
  await call('sendInboxMessage', new cio.SendInboxMessageRequest(PERSON));
  await call('sendInApp', new cio.SendInAppRequest(PERSON));
  await call('getCustomersByEmail', 'ada@example.com');
  await call('triggerBroadcast', 12, { coupon: 'x' }, { ids: ['a/b c', 'nobody'] });
  const filter = { attribute: { field: 'plan', operator: 'eq', value: 'basic' } };
  await call('triggerBroadcast', 12, {}, filter);
  await call('listExports');
  const { export: made } = await call('createCustomersExport', filter);
  await call('createDeliveriesExport', 5, { metric: 'sent' });
  await call('getExport', made.id);
  await call('downloadExport', made.id);
  await call('getAttributes', 'ada@example.com', 'email');
  return { delivery_id, filter };
}

async function people(call, filter) {
  await call('getCustomerActivities', 'a/b c');
  await call('getCustomerMessages', 'a/b c', { limit: 2 });
  await call('getCustomerRelationships', 'a/b c');
  await call('getCustomerSegments', 'a/b c');
  await call('getCustomerSubscriptionPreferences', 'a/b c');
  await call('searchCustomers', { and: [filter, { segment: { id: 7 } }] });
  await call('getCustomersAttributes', ['a/b c', 'nobody']);
  await call('getSubscriptionCenterToken', 'a/b c');
  await call('listActivities', { name: 'purchase' });
  await call('getObjectAttributes', 1, 'acme');
  await call('getObjectRelationships', 1, 'acme');
  await call('findObjects', 1, { object_attribute: { field: 'name', operator: 'eq', value: 'Acme' } });
  await call('listObjectTypes');
  await call('listSegments');
  const { segment } = await call('createSegment', { name: 'made' });
  await call('getSegment', 7);
  await call('getSegmentCustomerCount', 7);
  await call('getSegmentMembership', 7);
  await call('getSegmentUsedBy', 7);
  await call('deleteSegment', segment.id);
}

async function messages(call, deliveryId) {
  await call('getMessages', { type: 'email' });
  await call('getMessage', deliveryId);
  await call('getArchivedMessage', deliveryId);
  await call('listTransactionalMessages');
  await call('getTransactionalMessage', 3);
  await call('updateTransactionalMessageLanguage', 3, 'fr', { body: 'Bonjour' });
  await call('getTransactionalMessageLanguage', 3, 'fr');
  await call('updateTransactionalMessageContent', 3, 1, { body: 'Hello' });
  await call('getTransactionalMessageContents', 3);
  await call('getTransactionalMessageDeliveries', 3);
  await call('getTransactionalMessageMetrics', 3);
  await call('getTransactionalMessageLinkMetrics', 3);
  const { triggers } = await call('getBroadcastTriggers', 12);
  await call('getBroadcastTriggerStatus', 12, triggers[0].id);
  await call('getBroadcastTriggerErrors', 12, triggers[0].id);
}

async function campaignsOrBroadcasts(call, word) {
  await call(`list${word}s`);
  await call(`get${word}`, 1);
  await call(`update${word}Action`, 1, 2, { name: 'changed' });
  await call(`get${word}Actions`, 1);
  await call(`get${word}Action`, 1, 2);
  await call(`update${word}ActionLanguage`, 1, 2, 'fr', { body: 'Bonjour' });
  await call(`get${word}ActionLanguage`, 1, 2, 'fr');
  const range = { version: '2', start: 1760000000, end: 1760086400, res: 'days' };
  await call(`get${word}ActionMetrics`, 1, 2, range);
  await call(`get${word}ActionMetricsLinks`, 1, 2);
  await call(`get${word}Metrics`, 1, range);
  await call(`get${word}MetricsLinks`, 1);
  await call(`get${word}Messages`, 1);
  if (word === 'Campaign') await call('getCampaignJourneyMetrics', 1, range);
}

async function newsletters(call) {
  await call('listNewsletters');
  const { newsletter } = await call('createNewsletter', { name: 'news', type: 'email' });
  const id = newsletter.id;
  await call('getNewsletter', id);
  await call('updateNewsletterContent', id, 1, { body: 'Hello' });
  await call('getNewsletterContents', id);
  await call('getNewsletterContent', id, 1);
  await call('getNewsletterContentMetrics', id, 1);
  await call('getNewsletterContentMetricsLinks', id, 1);
  await call('getNewsletterMetrics', id);
  await call('getNewsletterMetricsLinks', id);
  await call('getNewsletterMessages', id);
  await call('createNewsletterLanguage', id, { language: 'fr' });
  await call('getNewsletterLanguage', id, 'fr');
  await call('updateNewsletterLanguage', id, 'fr', { body: 'Bonjour' });
  await call('deleteNewsletterLanguage', id, 'fr');
  const { test_group } = await call('createNewsletterTestGroup', id);
  await call('getNewsletterTestGroups', id);
  await call('createNewsletterTestGroupLanguage', id, test_group.id, { language: 'fr' });
  await call('getNewsletterTestGroupLanguage', id, test_group.id, 'fr');
  await call('updateNewsletterTestGroupLanguage', id, test_group.id, 'fr', { body: 'Bonjour' });
  await call('deleteNewsletterTestGroupLanguage', id, test_group.id, 'fr');
  await call('scheduleNewsletter', id, { scheduled_at: 1760000000 });
  await call('sendNewsletter', id);
  await call('deleteNewsletter', id);
}

// The five usual methods of a resource; `between` is called while there is one.
async function resource(call, word, definition, plural = `${word}s`, between = async () => {}) {
  await call(`list${plural}`);
  const id = Object.values(await call(`create${word}`, definition))[0].id;
  await call(`get${word}`, id);
  await call(`update${word}`, id, { name: 'changed' });
  await between(id);
  await call(`delete${word}`, id);
}

async function content(call) {
  const named = { name: 'n', tag: 't' };
  await resource(call, 'DesignStudioFolder', named);
  await resource(call, 'DesignStudioComponent', named);
  await resource(call, 'DesignStudioEmail', named, undefined, async (id) => {
    await call('createDesignStudioEmailLanguage', id, { language: 'fr' });
    await call('listDesignStudioEmailLanguages', id);
    await call('getDesignStudioEmailLanguage', id, 'fr');
    await call('updateDesignStudioEmailLanguage', id, 'fr', { content: {} });
    await call('deleteDesignStudioEmailLanguage', id, 'fr');
  });
  await resource(call, 'Asset', { data: Buffer.from('bytes'), filename: 'a.png', name: 'n' });
  await resource(call, 'AssetFolder', named);
  await resource(call, 'Collection', { name: 'n', data: [] }, undefined, async (id) => {
    await call('updateCollectionContent', id, [{ a: 1 }]);
    await call('getCollectionContent', id);
  });
  await resource(call, 'ReportingWebhook', { name: 'n', endpoint: 'http://127.0.0.1:9/', events: ['email_sent'] });
  await call('createSnippet', { name: 'n', value: 'v' });
  await call('updateSnippet', { name: 'n', value: 'w' });
  await call('getSnippets');
  await call('deleteSnippet', 'n');
}

async function workspace(call) {
  await call('createSuppression', 'bounces', 'bounce@example.com');
  await call('searchSuppression', 'bounce@example.com');
  await call('getSuppressions', 'bounces');
  await call('getDomainSuppressions', 'example.com', 'bounces');
  await call('deleteSuppression', 'bounces', 'bounce@example.com');
  await call('getSenderIdentities');
  await call('getSenderIdentity', 1);
  await call('getSenderIdentityUsedBy', 1);
  const { import: made } = await call('createImport', {
    name: 'n', data_file_url: 'http://127.0.0.1:9/people.csv', type: 'people', identifier: 'id',
  });
  await call('getImport', made.id);
  await call('batchUpdateAttributes', [{ name: 'plan', description: 'd' }]);
  await call('batchUpdateEvents', [{ name: 'visit', description: 'd' }]);
  await call('listWorkspaces');
  await call('getIpAddresses');
  await call('listSubscriptionTopics');
  await call('listSubscriptionChannels');
}

async function app() {
  const call = callerOf('APIClient', new cio.APIClient('key', { url: `${base}/v1`, ...options }));
  const { delivery_id, filter } = await sends(call);
  if (version === '4') return;
  await call('sendWhatsApp', new cio.SendWhatsAppRequest({ ...PERSON, to: '+15550100', from: '+15550101' }));
  await people(call, filter);
  await messages(call, delivery_id);
  await campaignsOrBroadcasts(call, 'Campaign');
  await campaignsOrBroadcasts(call, 'Broadcast');
  await newsletters(call);
  await content(call);
  await workspace(call);
}

async function pipelines() {
  const call = callerOf('PipelinesClient', new cio.PipelinesClient('key', { url: `${base}/v1`, strictMode: true, ...options }));
  const userId = 'grace';
  await call('identify', { userId, anonymousId: 'before', traits: { email: 'grace@example.com' } });
  await call('track', { userId, event: 'purchase', properties: { price: 1 } });
  await call('page', { userId, name: 'Pricing' });
  await call('screen', { userId, name: 'Home' });
  await call('group', { userId, groupId: 'navy', traits: { name: 'Navy' } });
  await call('identify', { userId: 'hopper', traits: {} });
  await call('alias', { userId, previousId: 'hopper' });
  await call('batch', [{ type: 'track', userId, event: 'in a batch' }]);
}

(async () => {
  await track();
  await app();
  if (version !== '4') await pipelines();
  console.log(JSON.stringify(report));
})();
