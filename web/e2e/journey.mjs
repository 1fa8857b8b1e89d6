// One journey through a Lethe that runs, in real Chromium: a handler opens an
// erasure, an approver reads the plan and approves it, both watch it happen, and
// there is a certificate; then an access request with its package. LETHE_URL is
// where Lethe is; its issuer must let anybody in, as the demo's does.
// LETHE_CUSTOMER, _2, _3 and _4 are customers whom nobody has erased yet, and
// LETHE_LATER is what to call so that a day passes for open tasks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open, Person, pictures } from './browser.mjs';
import { cancelsByKeyboard, files, resolves, undone } from './decisions.mjs';

const url = new URL(process.env.LETHE_URL ?? 'http://127.0.0.1:8080').origin;
const customer = process.env.LETHE_CUSTOMER ?? 'C-000007';
const second = process.env.LETHE_CUSTOMER_2 ?? 'C-000008';
const third = process.env.LETHE_CUSTOMER_3 ?? 'C-000009';
const fourth = process.env.LETHE_CUSTOMER_4 ?? 'C-000010';
const later = process.env.LETHE_LATER;
const began = Date.now();
const step = (what) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${what}`);

const browser = await open();
try {
  await journey();
  console.log(`1 passed, 0 failed (pictures: ${pictures})`);
} catch (e) {
  for (const [i, context] of browser.contexts().entries()) {
    for (const page of context.pages()) await page.screenshot({ path: `${pictures}/failed-${i}.png` }).catch(() => undefined);
  }
  console.error(e);
  console.log(`0 passed, 1 failed (pictures: ${pictures})`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

async function journey() {
  await stranger();
  const handler = await Person.enter(browser, url, 'Nisha Shah');
  const approver = await Person.enter(browser, url, 'Sora Lee');
  const opened = await opens(handler, 'ERASURE', customer);
  await approves(handler, approver, opened);
  await stops(approver);
  const access = await opens(handler, 'ACCESS', second, false);
  await deaf(handler);
  await handsOver(handler, approver, access);
  await others();
  await decisions(handler, approver);
  await german(handler, opened);
  await small(handler, opened);
  handler.fine();
  approver.fine();
}

/** Whoever is not signed in sees the gate, no data, and comes back to where they wanted to be. */
async function stranger() {
  step('a stranger sees the gate');
  const p = await Person.enter(browser, url, 'Jordan Brown');
  await p.page.goto(`${url}/?sign_in=SIGN_IN_FAILED`);
  await p.page.getByText('The sign-in did not succeed').waitFor();
  await p.look('gate');
  const missing = await p.page.request.get(`${url}/assets/of-last-week.js`);
  assert.equal(missing.status(), 404, 'a missing asset is not the page');
  step('a viewer is told which role a page needs');
  await p.signIn('/requests?view=decide');
  assert.equal(new URL(p.page.url()).search, '?view=decide', 'sign-in leads back to the view');
  await p.page.getByText('This page is not for your role').waitFor();
  await p.look('forbidden');
  await p.signOut();
  p.fine();
}

/** A handler files a request; the value typed is not to be found anywhere in the browser afterwards. */
async function opens(handler, type, value, first = true) {
  const { page } = handler;
  step(`a handler opens: ${type}`);
  if (first) {
    await handler.signIn('/requests');
    await page.getByRole('heading', { name: 'Requests', level: 1 }).waitFor();
    await page.getByRole('link', { name: 'All' }).click();
    await page.getByRole('link', { name: /^All/ }).and(page.locator('[aria-current]')).waitFor();
    await page.waitForLoadState('networkidle');
    await handler.look('requests', true);
  }
  await page.goto(`${url}/requests/new`);
  await page.getByLabel('What is asked').selectOption(type);
  await page.getByLabel('Who was asked').locator('option', { hasText: 'Deutschland' }).waitFor({ state: 'attached' });
  await page.getByLabel('Who was asked').selectOption('flowmart-de');
  await page.getByLabel('Type of identifier 1').selectOption('customer_id');
  await page.getByLabel('Value 1').fill(value);
  if (first) await mistake(handler);
  await page.getByRole('button', { name: 'Open and look for the data' }).click();
  await page.waitForURL(/\/requests\/R-\d{4}-\d{6}/);
  const opened = new URL(page.url()).pathname;
  step(`it is ${opened.split('/').pop()}; services are asked what they hold`);
  await page.getByRole('region', { name: 'Plan' }).first().waitFor({ timeout: 120_000 });
  await page.locator('.chip', { hasText: 'Waiting for approval' }).waitFor();
  await page.locator('a[aria-current]', { hasText: 'Plan' }).waitFor();
  await page.getByText('waits for an approver who did not open it').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Approve…' }).count(), 0, 'who opened it cannot approve');
  if (first) {
    await handler.look('plan');
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Extend the due date…' }).waitFor();
    await handler.look('menu');
    await page.keyboard.press('Escape');
  }
  const kept = await page.evaluate(() => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.documentElement.outerHTML]));
  assert(!kept.includes(value), 'the identifier is nowhere in the page, its address or its storage');
  return opened;
}

/** A mistake is told beside its field, and what was typed stays. */
async function mistake(handler) {
  const { page } = handler;
  await page.getByRole('button', { name: 'Add an identifier' }).click();
  await page.getByLabel('Value 2').fill(' ');
  await page.getByRole('button', { name: 'Open and look for the data' }).click();
  await page.getByText('the value is empty').waitFor();
  await handler.look('new');
  await page.getByRole('button', { name: 'Remove identifier 2' }).click();
}

/** While events do not arrive the page says so and looks by itself; then it listens again. */
async function deaf(handler) {
  const { page } = handler;
  step('the stream of events breaks off, and comes back');
  const before = handler.wrong.length;
  const cut = (r) => (r.request().headers().accept?.includes('event-stream') ? r.abort() : r.continue());
  await page.route('**/graphql', cut);
  await page.reload();
  await page.getByText('Live updates broke off').waitFor();
  await page.unroute('**/graphql', cut);
  await page.getByText('Live', { exact: true }).waitFor({ timeout: 120_000 });
  const other = handler.wrong.splice(before).filter((w) => !w.includes('ERR_FAILED'));
  assert.deepEqual(other, [], 'nothing but the cut stream is wrong');
}

/** Another person approves with the numbers in sight, and the handler’s page follows by itself. */
async function approves(handler, approver, path) {
  const { page } = approver;
  step('an approver reads the plan and approves it');
  await approver.signIn(path);
  await page.getByRole('button', { name: 'Approve…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Approve this plan' });
  await dialog.getByRole('list', { name: 'What stays, and why' }).getByText('Art. 17(3)(b) GDPR').waitFor();
  const words = await dialog.getByText(/will be erased/).innerText();
  const rows = words.match(/([\d,]+) rows?/)[1];
  const confirm = dialog.getByRole('button', { name: 'Approve the plan' });
  assert(await confirm.isDisabled(), 'not before the number is typed');
  await dialog.getByLabel(/Type .* to confirm/).fill('0');
  assert(await confirm.isDisabled(), 'not with another number');
  await dialog.getByLabel(/Type .* to confirm/).fill(rows.replaceAll(',', ''));
  await approver.look('approve');
  await confirm.click();
  await dialog.waitFor({ state: 'hidden' });
  step('services are at work; the handler’s page follows');
  await handler.page.locator('.chip', { hasText: /In progress|Looking again|Fulfilled/ }).first().waitFor({ timeout: 120_000 });
  await page.getByRole('link', { name: 'Progress', exact: true }).click();
  await page.getByRole('region', { name: 'Services at work' }).first().waitFor();
  await approver.look('progress');
  await page.locator('.title .chip', { hasText: /Fulfilled/ }).waitFor({ timeout: 120_000 });
  step('it is closed');
  await approver.look('progress-done');
  await page.getByRole('link', { name: 'Certificate' }).click();
  await page.getByRole('heading', { name: /Certificate of erasure/ }).waitFor({ timeout: 120_000 });
  await page.getByRole('cell', { name: /kept by law/ }).first().waitFor();
  await approver.look('certificate');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
  const certificate = JSON.parse(readFileSync(await file.path(), 'utf8'));
  assert.equal(certificate.payloadType, 'application/vnd.lethe.certificate.v1+json');
  await page.emulateMedia({ media: 'print' });
  await page.screenshot({ path: `${pictures}/certificate-print.png`, fullPage: true });
  await page.emulateMedia({ media: null });
  await page.getByRole('link', { name: 'Trail' }).click();
  await page.getByText('request.opened').waitFor();
  await approver.look('trail');
  await handler.page.getByRole('heading', { name: /Certificate of erasure/ }).waitFor({ timeout: 120_000 });
  await handler.page.getByRole('link', { name: 'Notices' }).click();
  await handler.page.getByRole('button', { name: 'Record as sent…' }).first().click();
  await handler.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await handler.page.getByRole('dialog').waitFor({ state: 'hidden' });
  await handler.page.getByRole('cell', { name: 'By e-mail' }).waitFor();
  await handler.look('notices');
}

/** An emergency stop shows on every page until somebody resumes. */
async function stops(approver) {
  const { page } = approver;
  step('an emergency stop, and on again');
  await page.goto(`${url}/services`);
  await page.getByRole('heading', { name: 'Services', level: 1 }).waitFor();
  await page.getByRole('button', { name: 'Emergency stop…' }).click();
  await page.getByRole('button', { name: 'Stop everything' }).click();
  await page.getByText('nothing goes to any service').waitFor();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await approver.look('services-stopped');
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await page.getByText('nothing goes to any service').waitFor({ state: 'hidden' });
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
}

/** An access request ends with an encrypted package that can be fetched. */
async function handsOver(handler, approver, path) {
  step('an approver approves the access request');
  const { page } = approver;
  await page.goto(url + path);
  await page.getByRole('button', { name: 'Approve…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Approve the plan' }).click();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await handler.page.locator('.title .chip', { hasText: 'Fulfilled' }).waitFor({ timeout: 120_000 });
  await handler.page.getByRole('link', { name: 'Package' }).click();
  const [file] = await Promise.all([
    handler.page.waitForEvent('download', { timeout: 120_000 }),
    handler.page.getByRole('link', { name: 'Download' }).click({ timeout: 120_000 }),
  ]);
  assert(readFileSync(await file.path()).subarray(0, 40).toString('latin1').includes('age'), 'the package is encrypted with age');
  step('the package is fetched; the handler makes a link and asks for the passphrase');
  await handler.page.getByRole('button', { name: 'Tell me the passphrase' }).click();
  await handler.page.getByRole('button', { name: 'Make a link' }).click();
  await handler.page.getByText('Link for the data subject').waitFor();
  await handler.look('package');
  await handler.page.goto(`${url}/requests?view=all`);
  await handler.page.getByRole('cell', { name: /Fulfilled/ }).first().waitFor();
  await handler.look('requests-done');
}

/** What people decide where a request does not go on by itself. */
async function decisions(handler, approver) {
  step('two people match; an approver cancels by keyboard alone');
  await cancelsByKeyboard(handler, approver, await files(handler, third, fourth));
  step('counts are unusual; an approver lets it go on');
  const admin = await Person.enter(browser, url, 'Jamie Chen');
  await admin.signIn('/services');
  const path = await resolves(handler, approver, admin, third);
  step('a service leaves its task undone for a day');
  assert(later, 'LETHE_LATER says how a day passes');
  await undone(handler, approver, admin, path, async () => assert((await fetch(later, { method: 'POST' })).ok, 'a day has passed'));
  admin.fine();
}

/** What other roles see. */
async function others() {
  step('the data protection officer reads the log and the catalog, and decides nothing');
  const p = await Person.enter(browser, url, 'Teresa Garcia');
  await p.signIn('/audit');
  await p.page.getByText('Sealed up to entry').waitFor();
  await p.look('audit');
  await p.page.getByRole('link', { name: 'Catalog' }).click();
  await p.page.getByRole('cell', { name: /public\.invoices/ }).waitFor();
  await p.look('catalog');
  await p.page.goto(`${url}/requests`);
  await p.page.getByRole('heading', { name: 'Requests', level: 1 }).waitFor();
  assert.equal(await p.page.getByRole('button', { name: 'Emergency stop…' }).count(), 0, 'the officer cannot stop');
  assert.equal(await p.page.getByRole('link', { name: 'New request' }).count(), 0, 'the officer cannot open');
  await p.page.goto(`${url}/nowhere/at.all`);
  await p.page.getByRole('heading', { name: 'There is no such page', level: 1 }).waitFor();
  p.fine();
}

/** The portal speaks the reader’s language, and remembers which. */
async function german(handler, path) {
  step('in German, and in English again');
  const { page } = handler;
  await page.goto(url + path);
  await page.getByRole('button', { name: 'Deutsch' }).click();
  await page.locator('html[lang="de"]').waitFor({ state: 'attached' });
  await page.getByRole('heading', { name: /Nachweis: Löschung/ }).waitFor();
  await handler.look('german-case');
  await page.goto(`${url}/requests/new`);
  await page.getByRole('heading', { name: 'Neuer Antrag', level: 1 }).waitFor();
  await handler.look('german-new');
  await page.getByRole('button', { name: 'English' }).click();
  await page.getByRole('heading', { name: 'New request', level: 1 }).waitFor();
}

/** The case page works on a phone, and by keyboard alone. */
async function small(handler, path) {
  step('on a phone, and by keyboard');
  const { page } = handler;
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(url + path);
  await page.getByText('Why this date?').waitFor();
  await handler.look('phone');
  for (const to of [path, `${path}?tab=plan`, `${path}?tab=progress`, `${path}?tab=trail`, '/requests?view=all', '/requests/new', '/alerts', '/services', '/catalog']) {
    await page.goto(url + to);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.locator('.main .skeleton').first().waitFor({ state: 'hidden' });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert(wide <= 0, `${to} is ${wide} px wider than the phone`);
  }
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('link', { name: 'Services', exact: true }).click();
  await page.getByRole('heading', { name: 'Services', level: 1 }).waitFor();
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(`${url}/requests?view=all`);
  await page.locator('tbody a').first().waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content', 'the first stop skips the menu');
  await page.locator('tbody a').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/requests\/R-/);
}
