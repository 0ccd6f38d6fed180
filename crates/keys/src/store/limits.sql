-- What a key's calls may use. None: not limited by the key.
ALTER TABLE keys ADD COLUMN models TEXT NOT NULL DEFAULT '[]';
ALTER TABLE keys ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE keys ADD COLUMN tokens_per_minute INTEGER;
ALTER TABLE keys ADD COLUMN concurrency_max INTEGER;
-- Money in billionths of the currency's unit.
ALTER TABLE keys ADD COLUMN budget_day_nanos INTEGER;
ALTER TABLE keys ADD COLUMN budget_month_nanos INTEGER;
ALTER TABLE keys ADD COLUMN currency TEXT NOT NULL DEFAULT 'USD';
ALTER TABLE keys ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
