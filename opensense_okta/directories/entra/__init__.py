"""Reads a Microsoft Entra tenant over Microsoft Graph."""
