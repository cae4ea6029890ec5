"""Sweeps: auditors × affordance sets × testbeds × budgets, from one file, planned, run and resumed as one eval set."""
