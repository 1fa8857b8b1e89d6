// What a person decides when a request does not go on by itself: two people
// match, counts are unusual, a service leaves its task undone.
import assert from 'node:assert/strict';

/** Files an erasure by customer ids and returns its path. */
export async function files({ page, url }, ...customers) {
  await page.goto(`${url}/requests/new`);
  await page.getByLabel('Who was asked').selectOption('flowmart-de');
  for (const [i, customer] of customers.entries()) {
    if (i > 0) await page.getByRole('button', { name: 'Add an identifier' }).click();
    await page.getByLabel(`Type of identifier ${i + 1}`).selectOption('customer_id');
    await page.getByLabel(`Value ${i + 1}`).fill(customer);
  }
  await page.getByRole('button', { name: 'Open and look for the data' }).click();
  await page.waitForURL(/\/requests\/R-\d{4}-\d{6}/);
  return new URL(page.url()).pathname;
}

/** Two people match; an approver finds the case, reads and cancels it without touching a mouse. */
export async function cancelsByKeyboard(handler, approver, path) {
  const { page } = approver;
  const caseNumber = path.split('/').pop();
  await handler.page.getByText('The identifiers match more than one person').waitFor({ timeout: 120_000 });
  assert.equal(await handler.page.getByRole('button', { name: 'I have looked: go on…' }).count(), 0, 'a handler does not decide');
  await page.goto(`${approver.url}/requests?view=decide`);
  await page.getByRole('link', { name: caseNumber }).waitFor();
  await approver.tabTo('link', caseNumber);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: caseNumber, level: 1 }).waitFor();
  await page.getByRole('button', { name: 'I have looked: go on…' }).waitFor();
  await approver.tabTo('button', 'More');
  await page.keyboard.press('Enter');
  const cancel = page.getByRole('menuitem', { name: 'Cancel the request…' });
  await down(page, cancel);
  const dialog = page.getByRole('dialog', { name: 'Cancel at the data subject’s wish' });
  await dialog.getByLabel(/Type .* to confirm/).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await page.locator('button:focus', { hasText: 'More' }).waitFor(); // where it was before
  await page.keyboard.press('Enter');
  await down(page, cancel);
  await dialog.getByLabel(/Type .* to confirm/).waitFor();
  await page.keyboard.type(caseNumber);
  await page.keyboard.press('Enter');
  await page.locator('.title .chip', { hasText: 'Cancelled' }).waitFor({ timeout: 120_000 });
}

/** Goes down a menu to an entry, and chooses it. */
async function down(page, entry) {
  await entry.waitFor();
  for (let i = 0; i < 9 && !(await entry.evaluate((e) => e === document.activeElement)); i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
}

/** More rows than usual stop a request; an approver reads which, and lets it go on. */
export async function resolves(handler, approver, admin, customer) {
  const restore = await admin.usual('public.notifications', 1);
  const path = await files(handler, customer);
  await handler.page.getByText(/public\.notifications: \d+ rows; one person usually has at most 1/).waitFor({ timeout: 120_000 });
  await mistake(handler);
  await restore();
  const { page } = approver;
  await page.goto(approver.url + path);
  await page.getByText('Far more rows were found').waitFor();
  await approver.look('blocked');
  await page.getByRole('button', { name: 'I have looked: go on…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Let the request go on' });
  await dialog.getByText('all these rows belong to the one person').waitFor();
  await approver.look('resolve');
  await dialog.getByRole('button', { name: 'I have looked: go on' }).click();
  await page.locator('.title .chip', { hasText: 'Waiting for approval' }).waitFor({ timeout: 120_000 });
  return path;
}

/** A wrong date is told at its field, in the dialogue that stays open. */
async function mistake({ page }) {
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Extend the due date…' }).click();
  const dialog = page.getByRole('dialog');
  const on = dialog.getByLabel('Told on');
  await on.fill(new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10));
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('record the notice when it has been sent').waitFor();
  assert.equal(await on.getAttribute('aria-invalid'), 'true', 'the field says that it is wrong');
  const describedBy = (await on.getAttribute('aria-describedby'))?.split(' ') ?? [];
  const told = await Promise.all(describedBy.map((id) => page.locator(`[id="${id}"]`).innerText()));
  assert(told.join(' ').includes('record the notice when it has been sent'), 'and what is wrong, to screen readers as well');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
}

/** A service leaves its task undone for a day; people see it, and get it on. `later` lets the day pass. */
export async function undone(handler, approver, admin, path, later) {
  await approver.page.goto(`${approver.url}/services`);
  await approver.page.getByRole('button', { name: 'Stop messages to Shipping' }).click();
  await approver.page.getByRole('dialog').getByRole('button', { name: 'Stop' }).click();
  await approver.page.getByText('Emergency stop for Shipping').waitFor();
  await approver.page.goto(approver.url + path);
  await approver.approve();
  await handler.page.goto(`${handler.url}${path}?tab=progress`);
  await handler.page.getByRole('row', { name: /Payments.*Done.*Erase/ }).waitFor({ timeout: 120_000 });
  await admin.disable('shipping');
  await later();
  const { page } = handler;
  const told = async () => (await handler.ask('{ alerts(first: 1) { nodes { taskId } } }')).alerts.nodes.length > 0;
  for (let i = 0; i < 240 && !(await told()); i++) await page.waitForTimeout(500); // by the clock
  await page.reload(); // pages look once a minute
  await page.getByRole('region', { name: 'Alerts' }).getByText('Shipping has left “Erase” undone').waitFor({ timeout: 120_000 });
  await handler.look('case-alerts');
  await page.getByRole('link', { name: 'Alerts 1' }).click();
  await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor(); // the tasks of the case name the service, too
  await page.getByRole('cell', { name: 'Shipping Fulfilment' }).waitFor();
  await handler.look('alerts');
  await page.getByRole('button', { name: 'Try now: Shipping' }).click();
  await approver.page.getByRole('button', { name: 'Resume' }).click();
  await approver.page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await approver.page.getByText('Emergency stop for Shipping').waitFor({ state: 'hidden' });
  await admin.page.goto(`${admin.url}/services`);
  await admin.page.getByRole('button', { name: 'Ask Shipping to prove its key' }).click();
  await admin.page.getByRole('row', { name: /Shipping.*Can be asked/ }).waitFor();
  await approver.page.locator('.title .chip', { hasText: /Fulfilled/ }).waitFor({ timeout: 120_000 });
  await page.reload();
  await page.getByText('Nothing that people must know').waitFor();
}
